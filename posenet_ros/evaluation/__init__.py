"""Evaluation of pose estimates against ground truth."""
