"""Metres, up and a frame for a reconstruction that is known up to a similarity."""
