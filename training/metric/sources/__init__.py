"""Scale, and gravity, by each source: sensors, and what was measured outside."""
