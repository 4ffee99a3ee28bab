"""Retrieval: which views of a map to match an image with."""
