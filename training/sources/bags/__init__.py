"""Walks out of bags."""
