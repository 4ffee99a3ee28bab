"""Reconstruct landmarks of posed views: pairs, matches, tracks, triangulation, adjustment."""
