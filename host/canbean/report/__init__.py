"""Self-contained HTML from results: nothing is loaded from anywhere, and a page says all without its script."""
