"""A ray caster for textured boxes, with sun and shadows."""
