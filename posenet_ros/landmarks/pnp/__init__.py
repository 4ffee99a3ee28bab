"""Perspective-n-point: the pose of a camera from 2D-3D matches, with its covariance."""
