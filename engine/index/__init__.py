"""Keep a library in step with folders of sounds."""
