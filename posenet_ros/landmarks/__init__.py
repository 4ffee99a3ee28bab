"""Exact poses from matched landmarks."""
