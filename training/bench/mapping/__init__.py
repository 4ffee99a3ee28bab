"""Benchmark of maps: what they cost, and how exact poses found in them are."""
