"""Hypotheses of a pose: one of each place that the image may show."""
