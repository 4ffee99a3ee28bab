"""What the gate knows of a camera: where it is expected, and the reasons to withhold a pose."""
