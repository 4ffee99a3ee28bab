"""Tests of structure from motion."""
