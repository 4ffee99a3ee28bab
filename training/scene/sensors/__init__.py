"""What else is recorded along a walk: odometry, IMU, GNSS, a second camera, depth."""
