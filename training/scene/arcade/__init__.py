"""A place that repeats: equal bays, a front of two equal wings, two equal rooms."""
