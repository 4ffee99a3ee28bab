"""Grey patches of the landmarks: alignment onto an image, and the exact pose by them."""
