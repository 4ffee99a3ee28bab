"""Tracking: follow the landmarks of a map from image to image."""
