"""Tests of the documents: code blocks, links, troubleshooting."""
