"""How well: figures of retrieval and zero-shot tagging, each under its protocol."""
