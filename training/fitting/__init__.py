"""Fit networks: presets, losses, training loop, cross-validation."""
