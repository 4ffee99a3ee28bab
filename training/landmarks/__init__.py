"""Map a place's landmarks by triangulation."""
