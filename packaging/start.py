"""The program of a bundle: the child process that it was started for, or else the command line."""

import multiprocessing
import sys

if __name__ == "__main__":
    multiprocessing.freeze_support()
    from engine.children import be_child

    if not be_child(sys.argv[1:]):
        from app.cli import main

        sys.exit(main())
