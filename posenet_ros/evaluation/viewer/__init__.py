"""The map of a place, its training walk and the estimates, in the browser."""
