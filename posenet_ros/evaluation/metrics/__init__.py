"""Error metrics: arrays in, numbers out."""
