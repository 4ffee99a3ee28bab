"""The parts of the benchmark; each runs in a process of its own."""
