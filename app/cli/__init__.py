"""The command line: one file a group of commands, each imported when it is asked for."""

from app.cli.program import main

__all__ = ["main"]
