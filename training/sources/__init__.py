"""Walks out of what people have: bags, videos, folders of images."""
