"""Training on one's own library."""
