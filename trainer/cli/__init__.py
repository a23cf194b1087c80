"""The trainer's command line: ``soundsift train`` and ``python -m trainer``."""

from trainer.cli.program import main, options_of
from trainer.cli.table import EXPERIMENTS

__all__ = ["EXPERIMENTS", "main", "options_of"]
