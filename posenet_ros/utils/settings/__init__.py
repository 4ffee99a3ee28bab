"""Settings in dataclasses: read from mappings, nested ones, described for README and help."""
