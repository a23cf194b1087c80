"""Wwise, through its Authoring API (WAAPI).

Untested against Wwise itself.  Source: Audiokinetic's reference of ``ak.wwise.core.audio.import``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import reason
from engine.handover.targets.patience import PATIENCE_S, within
from engine.handover.targets.target import Address, Place, Project, TargetError

Result = TypeVar("Result")
_DEFAULT_PARENT = "\\Actor-Mixer Hierarchy\\Default Work Unit"


class Wwise:
    """The project that is open in Wwise."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def test(self) -> str:
        """Return its version."""
        info = self._ask(lambda client: _call(client, "ak.wwise.core.getInfo", {}))
        version = info.get("version", {})
        return f"Wwise {version.get('displayName', '') if isinstance(version, dict) else ''}"

    def project(self) -> Project | None:
        """Return the project; Wwise copies what it imports into its own folder."""
        query = {"from": {"ofType": ["Project"]}}
        found = self._ask(lambda client: _call(client, "ak.wwise.core.object.get", query, ["name"]))
        rows = found.get("return") or [{}]
        return Project(str(rows[0].get("name", "")), None)

    def spot(self, file: Path, place: Place) -> None:
        """Import a file: into the default work unit, below what is selected, or in its place."""

        def put(client: Any) -> None:
            selected = self._selected(client) if place != "cursor" else _DEFAULT_PARENT
            name = file.stem.replace("\\", "-").replace("<", "-")
            below = f"{selected}\\<Sound SFX>{name}"
            operation = "replaceExisting" if place == "replace" else "createNew"
            order = {
                "importOperation": operation,
                "default": {"importLanguage": "SFX"},
                "imports": [
                    {
                        "audioFile": str(file.absolute()),
                        "objectPath": selected if place == "replace" else below,
                    }
                ],
            }
            _call(client, "ak.wwise.core.audio.import", order)

        self._ask(put)

    def _selected(self, client: Any) -> str:
        found = _call(client, "ak.wwise.ui.getSelectedObjects", {}, ["path"])
        objects = found.get("objects") or []
        if not objects:
            raise TargetError("nothing is selected in Wwise: select an object there first")
        return str(objects[0].get("path", ""))

    def _ask(self, request: Callable[[Any], Result]) -> Result:
        """Return the answer of a connection that is opened for one request."""

        def ask() -> Result:
            with self._open() as client:
                return request(client)

        return within(PATIENCE_S, "Wwise", ask)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        from waapi import CannotConnectToWaapiException, WaapiClient

        url = f"ws://{self._address.host}:{self._address.port}/waapi"
        try:
            client = WaapiClient(url=url, allow_exception=True)
        except (CannotConnectToWaapiException, OSError) as error:
            raise TargetError(
                f"Wwise does not answer at {url} ({reason(error) or 'no connection'}): turn on "
                "its Authoring API in User Preferences"
            ) from None
        try:
            yield client
        finally:
            client.disconnect()


def _call(
    client: Any, uri: str, arguments: dict[str, Any], fields: list[str] | None = None
) -> dict[str, Any]:
    from waapi import WaapiRequestFailed

    try:
        options = {"options": {"return": fields}} if fields else {}
        answer = client.call(uri, arguments, **options)
    except WaapiRequestFailed as error:
        raise TargetError(f"Wwise refused: {error}") from None
    return answer if isinstance(answer, dict) else {}
