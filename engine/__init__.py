"""The engine hears, stores and ranks; it knows no window and prints nothing."""
