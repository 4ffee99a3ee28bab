"""Readers of datasets' files."""
