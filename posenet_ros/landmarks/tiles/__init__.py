"""Large maps: the landmarks of one place together in tiles, of which a node holds a few."""
