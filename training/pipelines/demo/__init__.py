"""The demo: its steps, what it promises, and the pictures of its results."""
