"""How long it takes to find the views that are similar to an image, and what an index misses."""
