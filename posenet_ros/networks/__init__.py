"""PoseNet and its relatives in Keras, and their weights."""
