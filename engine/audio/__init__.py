"""Sound files: reading them and cutting them into windows."""
