"""Map a place: triangulate landmarks, and calibrate the poses found by them."""
