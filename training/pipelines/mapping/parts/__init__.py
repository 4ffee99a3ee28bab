"""A map in parts: views split by place, each part mapped by itself, and joined."""
