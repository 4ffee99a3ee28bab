"""A synthetic college court, rendered along walks."""
