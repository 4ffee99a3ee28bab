"""What the node publishes: poses, verdicts, and topics to look at."""
