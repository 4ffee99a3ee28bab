"""Estimates of any method: files of poses, and poses that a node published."""
