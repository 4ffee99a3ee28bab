"""Poses, cameras, trajectories and the Lie algebra of rotations."""
