"""The college court: four different sides."""
