"""From an image to a pose, and whether to accept it."""
