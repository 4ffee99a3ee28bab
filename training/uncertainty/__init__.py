"""Fit the covariance and the place score of a trained network."""
