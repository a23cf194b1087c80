"""An indexing process that gives out one sound, and the next when it is to stop.

So whoever stops it has something to stop, however fast the machine is.
"""

import sys
import time
from contextlib import contextmanager

from app.index_process import main
from engine.index.waiting import Threads

listening = Threads.listening


@contextmanager
def one_and_wait(self, work, control):
    with listening(self, work, control) as heard:
        yield given_out(heard, control)


def given_out(heard, control):
    for number, sound in enumerate(heard):
        while number and not control.cancel():
            time.sleep(0.01)
        yield sound


if __name__ == "__main__":
    Threads.listening = one_and_wait
    sys.exit(main(sys.argv[1]))
