"""Benchmark of the landmark localiser beside a peer: right, silent or false, and at what cost."""
