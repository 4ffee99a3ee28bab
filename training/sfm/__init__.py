"""Structure from motion: the poses of walks that nobody has posed, by pycolmap."""
