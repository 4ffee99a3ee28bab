"""Fit networks: presets, losses, trainer, cross-validation."""
