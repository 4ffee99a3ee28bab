"""The verdict of a map before anyone drives: map.json, map.html and map.png."""
