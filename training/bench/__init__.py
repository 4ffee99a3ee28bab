"""Benchmarks of speed: engines, images, live node, training."""
