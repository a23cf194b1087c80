"""The program of a bundle: the child process that it was started for, or else the command line."""

import multiprocessing
import os
import sys


def _forget_libraries() -> None:
    """Let programs of the system that we start, such as a file manager, find their own libraries.

    The loader has read the variable already, and sets it again in our own children.
    """
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if before is not None:
        os.environ["LD_LIBRARY_PATH"] = before
    else:
        os.environ.pop("LD_LIBRARY_PATH", None)


if __name__ == "__main__":
    multiprocessing.freeze_support()
    _forget_libraries()
    from engine.children import be_child

    if not be_child(sys.argv[1:]):
        from app.cli import main

        sys.exit(main())
