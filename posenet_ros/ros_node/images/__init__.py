"""The images that the node gets: topics, transport, camera, and why none arrives."""
