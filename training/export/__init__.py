"""Conversion of networks to LiteRT, and quantisation."""
