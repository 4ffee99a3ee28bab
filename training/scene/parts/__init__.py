"""What a place is built from: facades, plants, people, and how they stand together."""
