"""Offline tools that make what the node loads: scenes, datasets, bags and models."""
