"""Self-contained HTML from results: no script, nothing loaded from anywhere."""
