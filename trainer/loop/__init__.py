"""How it is minimised: one loop, its configuration, its checkpoints and its processes."""
