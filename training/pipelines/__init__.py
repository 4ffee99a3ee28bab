"""The work of the commands: each module runs one from data to result."""
