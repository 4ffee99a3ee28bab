"""The campus: courts, each unlike the others, on both sides of a street."""
