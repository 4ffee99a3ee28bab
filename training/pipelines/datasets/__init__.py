"""Work on whole data sets."""
