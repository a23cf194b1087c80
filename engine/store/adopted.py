"""Which model made a library's vectors: read and written here, as one thing."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from engine.store.library import Library

_SETTINGS = {"found_by": "model_folder", "name": "model_name", "id": "model_id"}


@dataclass(frozen=True)
class AdoptedModel:
    """The model of a library; a text is empty where it is not known.

    :param found_by: the name of a catalogued model, which survives updates; any other's folder.
    :param audio_id: of its audio tower, by which the library's features are known.
    """

    found_by: str = ""
    name: str = ""
    id: str = ""
    audio_id: str = ""

    def settings(self) -> dict[str, bytes]:
        """Return it as a library keeps it."""
        return {
            _SETTINGS.get(field.name, field.name): os.fsencode(getattr(self, field.name))
            for field in fields(self)
        }


def adopted_model(library: Library) -> AdoptedModel | None:
    """Return the model of a library; None before anything was indexed."""
    values = {
        field.name: library.setting(_SETTINGS.get(field.name, field.name)) or b""
        for field in fields(AdoptedModel)
    }
    if not any(values.values()):
        return None
    return AdoptedModel(**{name: os.fsdecode(value) for name, value in values.items()})
