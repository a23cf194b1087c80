"""The trainer's command line: ``soundsift train`` and ``python -m trainer``."""

from trainer.cli.program import EXPERIMENTS, main, options_of

__all__ = ["EXPERIMENTS", "main", "options_of"]
