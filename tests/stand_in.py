"""What is started in place of Python, where a program of ours starts a child (tests/warm.py).

It lets the process that has imported everything be the child, hands over its own streams, passes
signals on, and ends as the child does.  It is started without site-packages, in a few milliseconds.
"""

import json
import os
import signal
import socket
import sys

_MOST_BYTES = 1 << 10


def main(place: str, *arguments: str) -> None:
    """Be a module until it ends."""
    order = {
        "run": "tests.warm:be_module",
        "arguments": arguments,
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.connect(place)
        socket.send_fds(line, [json.dumps(order).encode()], [0, 1, 2])
        child = int(line.recv(_MOST_BYTES))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: os.kill(child, number))
        for stream in (0, 1, 2):  # who reads them waits for the child's end, not for ours
            os.close(stream)
        code = int(line.recv(_MOST_BYTES) or -signal.SIGKILL)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
