"""Where other programs are, as the settings remember it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from app.gui.kit.settings import Settings
from engine.handover.targets.reaper_script import bridge_folder
from engine.handover.targets.registry import TARGETS
from engine.handover.targets.target import Address


def address_of(settings: Settings, name: str) -> Address:
    """Return where a program is: what was chosen, or what it has by itself."""
    said = next((fields for fields in _read(settings) if fields.get("target") == name), {})
    kind = TARGETS[name]
    port = said.get("port", "")
    folder = said.get("folder") or (str(bridge_folder()) if kind.has_folder else "")
    return Address(
        said.get("host") or Address.host,
        int(port) if port.isdecimal() and 0 < int(port) < 65536 else kind.port,
        Path(folder) if folder else None,
        said.get("action", ""),
    )


def with_address(settings: Settings, name: str, address: Address) -> Settings:
    """Return the settings with another address of a program."""
    fields = {
        "target": name,
        "host": address.host,
        "port": str(address.port),
        "folder": str(address.folder or ""),
        "action": address.action,
    }
    others = [other for other in _read(settings) if other.get("target") != name]
    return replace(settings, spot_addresses=tuple(urlencode(f) for f in (*others, fields)))


def target_of(settings: Settings) -> str:
    """Return the program that is sent to."""
    return settings.spot_target if settings.spot_target in TARGETS else next(iter(TARGETS))


def _read(settings: Settings) -> list[dict[str, str]]:
    return [dict(parse_qsl(said)) for said in settings.spot_addresses]
