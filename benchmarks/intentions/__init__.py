"""What designers type, what they would be glad to hear, and how much of it a search finds."""
