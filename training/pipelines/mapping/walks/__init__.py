"""New walks of a place that is mapped: read, and joined to its map."""
