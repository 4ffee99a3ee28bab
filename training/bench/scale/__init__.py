"""How the cost of a map grows with its images."""
