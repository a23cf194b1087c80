"""A worker's lease on its claims, renewed by a thread for as long as the process lives."""

from __future__ import annotations

import threading
from contextlib import suppress
from types import TracebackType

from engine.errors import LibraryError
from engine.log import logger
from engine.store import Library
from engine.store.claims import dismiss, enlist, renew

LEASE_S = 60.0  # after which a worker that is not heard of counts as dead
_log = logger(__name__)


class Lease:
    """Within it, the worker lives; in the end it is dismissed, and its claims are free."""

    def __init__(self, library: Library, name: str, lease_s: float = LEASE_S) -> None:
        self._library, self._name, self._lease_s = library, name, lease_s
        self._worker: int | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def __enter__(self) -> Lease:
        """Begin to renew."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Free what is claimed; where the server cannot be reached, the lease runs out."""
        self._end.set()
        self._thread.join()
        if self._worker is not None:
            with suppress(LibraryError):
                dismiss(self._library, self._worker)

    def worker(self) -> int:
        """Return the worker's id; one that counts as dead begins anew.

        :raises LibraryError: the server cannot be reached.
        """
        if self._worker is None or not renew(self._library, self._worker, self._lease_s):
            self._worker = enlist(self._library, self._name, self._lease_s)
        return self._worker

    def _renew(self) -> None:
        while not self._end.wait(self._lease_s / 4):
            worker = self._worker
            if worker is not None:
                try:
                    renew(self._library, worker, self._lease_s)
                except LibraryError as error:
                    _log.debug("the lease could not be renewed", exc_info=error)
