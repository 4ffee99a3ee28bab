"""The model folder, and the engines that run its network."""
