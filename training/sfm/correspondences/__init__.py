"""Correspondence search: features, pairs of images, verified matches."""
