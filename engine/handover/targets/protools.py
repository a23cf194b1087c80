"""Pro Tools, through its scripting interface (PTSL) as py-ptsl speaks it.

Untested against Pro Tools itself.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import reason
from engine.handover.targets.patience import PATIENCE_S, within
from engine.handover.targets.target import Address, Place, Project, TargetError

Result = TypeVar("Result")
_COMPANY, _PROGRAM = "The Soundsift developers", "Soundsift"
_AUDIO_FILES = "Audio Files"  # in a session's folder


class ProTools:
    """The session that is open in Pro Tools; sounds get a new track, at the selection."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def test(self) -> str:
        """Return the version of its interface."""
        return f"Pro Tools (PTSL {self._ask(lambda engine: engine.ptsl_version())})"

    def project(self) -> Project | None:
        """Return the session, and the folder of its sounds."""
        path = Path(str(self._ask(lambda engine: engine.session_path())))
        return Project(path.stem, path.parent / _AUDIO_FILES)

    def spot(self, file: Path, place: Place) -> None:
        """Import a file at the selection, copied into the session's folder."""
        import ptsl.PTSL_pb2 as pt

        def insert(engine: Any) -> None:
            engine.import_audio(
                [str(file.absolute())],
                audio_operations=pt.CopyAudio,
                audio_destination=pt.MD_NewTrack,
                audio_location=pt.ML_Selection,
            )

        self._ask(insert)

    def _ask(self, request: Callable[[Any], Result]) -> Result:
        """Return the answer of an engine that is opened for one request."""
        where = f"{self._address.host}:{self._address.port}"
        try:  # before py-ptsl, which writes to the terminal that nobody is there
            socket.create_connection((self._address.host, self._address.port), 3.0).close()
        except OSError as error:
            raise TargetError(
                f"Pro Tools does not answer at {where} ({reason(error)}): open a session in it"
            ) from None
        return within(PATIENCE_S, "Pro Tools", lambda: self._asked(where, request))

    def _asked(self, where: str, request: Callable[[Any], Result]) -> Result:
        import grpc
        from ptsl import CommandError, Engine

        try:
            engine = Engine(_COMPANY, _PROGRAM, address=where)
            try:
                return request(engine)
            finally:
                engine.close()
        except CommandError as error:
            said = error.message or error.error_name or "no reason given"
            raise TargetError(f"Pro Tools refused: {said}") from None
        except (grpc.RpcError, AssertionError, AttributeError) as error:
            said = error.details() if hasattr(error, "details") else error
            raise TargetError(
                f"Pro Tools cannot be understood at {where} ({said}): its version must be 2023.3 "
                "or later"
            ) from None
