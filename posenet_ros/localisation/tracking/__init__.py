"""Tracking a camera between localisations: prediction, schedule, and correction."""
