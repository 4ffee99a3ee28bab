"""Pixels: decoding, preprocessing, rectification, image quality."""
