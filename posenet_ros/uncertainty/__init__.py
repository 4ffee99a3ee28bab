"""Uncertainty of a pose: covariance, Monte-Carlo dropout, place recognition."""
