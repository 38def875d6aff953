"""The command line: one file a verb group; the only place that prints."""
