"""Check images, poses and camera of a dataset against each other."""
