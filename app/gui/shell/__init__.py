"""The window itself: it puts the rooms together."""
