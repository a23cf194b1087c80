"""How well sounds are tagged; each needs the project's data folder."""
