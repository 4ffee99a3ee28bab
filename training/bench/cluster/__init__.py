"""The engine of tasks: two workers of a cluster against two runs side by side."""
