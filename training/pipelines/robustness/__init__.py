"""A model on corrupted images, and on images of other places."""
