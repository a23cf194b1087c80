"""How the window feels: each script prints a table; ``python -m benchmarks.gui.NAME``."""
