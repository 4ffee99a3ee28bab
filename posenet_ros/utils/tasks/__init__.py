"""Tasks without shared state: in this process, in several, or on the computers of a cluster."""
