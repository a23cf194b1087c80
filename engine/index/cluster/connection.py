"""Connect to a Ray cluster, quietly."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.errors import InputError, reason
from engine.index.cluster.ray_embedder import RayEmbedder

_AUTO = "auto"
_PATIENCE_S = 5.0
_SETTINGS = 4  # a type of HTTP/2 frames, whose head has nine bytes
_FRAME_HEAD, _FRAME_TYPE = 9, 3
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0))
_TLS = "RAY_USE_TLS"  # then nobody who does not begin with TLS is answered
_USAGE = "RAY_USAGE_STATS_ENABLED"


@contextmanager
def open_cluster(address: str = _AUTO) -> Iterator[RayEmbedder]:
    """Give the embedder of a cluster, to which this process is connected meanwhile.

    :param address: ``host:port`` of the cluster that this machine is a node of, or ``auto``.
    :raises InputError: Ray is not installed, or there is no such cluster.
    """
    ray = _imported()
    if ray.is_initialized():
        yield RayEmbedder(ray)
        return
    _connect(ray, address)
    try:
        yield RayEmbedder(ray)
    finally:
        ray.shutdown()


def _imported() -> Any:
    os.environ[_USAGE] = "0"  # nothing is told to anybody about what is done here
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise InputError(
            "listening on a cluster needs Ray, which is not installed: install soundsift[cluster]"
        ) from None
    return ray


def _connect(ray: Any, address: str) -> None:
    """Connect, and leave standard output and what Ctrl-C does as they are."""
    _check(address)
    before = _handlers()
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = "this machine" if address == _AUTO else address
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(
            f"no Ray cluster was found on {where} ({lines[0].rstrip('.')}): start one with "
            "`ray start --head`, or join one with `ray start --address=HOST:PORT`"
        ) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    # Ray prints what becomes of nodes into standard output, which is ours, and has no option
    ray._private.worker._worker_logs_enabled = False


def _check(address: str) -> None:
    """Refuse at once what Ray itself would try for minutes.

    :raises InputError: it is no address, or no cluster answers there.
    """
    if address == _AUTO:
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal():
        raise InputError(
            f"{address} cannot be used: make this machine a node of the cluster with "
            "`ray start --address=HOST:PORT`, and use --cluster auto or --cluster HOST:PORT"
        )
    try:
        with socket.create_connection((host, int(port)), _PATIENCE_S) as answering:
            speaks = bool(os.environ.get(_TLS)) or _speaks_grpc(answering)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"nobody answers at {address} ({reason(error)}): start the cluster there with "
            "`ray start --head`, or use --cluster auto on one of its nodes"
        ) from None
    if not speaks:
        raise InputError(
            f"what answers at {address} is no Ray cluster: use the address that `ray start --head` "
            "printed there, or --cluster auto on one of its nodes"
        )


def _speaks_grpc(connection: socket.socket) -> bool:
    """Return whether the other end begins as an HTTP/2 server does: with its settings."""
    frame = b""
    try:
        connection.sendall(_PREFACE)
        while len(frame) < _FRAME_HEAD and (more := connection.recv(_FRAME_HEAD - len(frame))):
            frame += more
    except OSError:  # it hung up, or says nothing
        return False
    return len(frame) == _FRAME_HEAD and frame[_FRAME_TYPE] == _SETTINGS


def _handlers() -> dict[signal.Signals, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
