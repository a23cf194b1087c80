"""The trainer teaches models; it uses the engine and is used by nobody."""
