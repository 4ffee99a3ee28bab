"""General helpers without robotics."""
