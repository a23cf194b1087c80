"""The paper's tables 1 to 9 and figure 2, each as one command, in full or small."""

from trainer.experiments.run import run_experiment

__all__ = ["run_experiment"]
