"""To what end: any data set, one's own library, the shipped models."""
