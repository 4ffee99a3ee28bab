"""The report: tables, plots, HTML page and JSON."""
