"""Tests of the updates of a map."""
