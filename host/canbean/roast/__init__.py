"""Coffee: from pairs of a cheap sensor and a professional meter to a packed roast meter."""
