"""Which models there are: those that ship, those installed, and those that can be got."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from engine.errors import InputError, ModelError
from engine.models.drafts import draft_of, put_in_order
from engine.models.files import is_file
from engine.models.spec import FILES, ModelSpec, file_sha256, read_spec, write_spec
from engine.models.trial import convert_clap, ensure_tried
from engine.paths import assets, data_folder, installed_models
from engine.progress import Control, Progress

if TYPE_CHECKING:
    from torch import Tensor

_TIMEOUT_S = 20
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Download:
    """Where a foreign audio tower comes from: its authors' address, and what must arrive."""

    url: str
    sha256: str
    size: int
    shared: str  # the model that gives text tower, projections, metric and bank


SOURCES = {
    "default-mn04": Download(
        "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn04_as_mAP_432.pt",
        "899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
        4_066_513,
        shared="default",
    )
}
CLAP = "clap"
_PREFERENCE = ("default-mn04", "default")


@dataclass(frozen=True)
class Entry:
    """One model: ``folder`` is None while it has to be got first."""

    name: str
    folder: Path | None
    bundled: bool


def models() -> list[Entry]:
    """Return every known model, bundled ones first; an installed one hides its namesake."""
    found: dict[str, Entry] = {}
    put_in_order(installed_models())
    for home, bundled in ((assets() / "models", True), (installed_models(), False)):
        for folder in _folders(home):
            complete = all(is_file(folder / name) for name in ("model.json", *FILES))
            if complete and not folder.name.startswith("."):
                found[folder.name] = Entry(folder.name, folder, bundled)
    for name in SOURCES:
        found.setdefault(name, Entry(name, None, False))
    return list(found.values())


def find_model(name_or_folder: str) -> Path:
    """Return the folder of a model, by name or path.

    :raises ModelError: there is no such model, or it has to be got first.
    """
    for entry in models():
        if entry.name == name_or_folder and entry.folder is not None:
            return entry.folder
        if entry.name == name_or_folder:
            raise ModelError(
                f"the model {entry.name} is not installed: run `soundsift models get {entry.name}`"
            )
    if is_file(Path(name_or_folder) / "model.json"):
        return Path(name_or_folder)
    names = ", ".join(entry.name for entry in models())
    asked = "".join(c for c in name_or_folder if c.isprintable())[:200]
    raise ModelError(f"there is no model named {asked}: use one of {names}")


def spec_of(entry: Entry) -> ModelSpec | None:
    """Return what an installed model says of itself; None if it is damaged, or not here."""
    try:
        return read_spec(entry.folder) if entry.folder else None
    except ModelError:
        return None


def _folders(home: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(home.iterdir())
    return []


def preferred_model() -> str:
    """Return the name of the best model that is there."""
    there = {entry.name for entry in models() if entry.folder is not None}
    for name in _PREFERENCE:
        if name in there:
            return name
    raise ModelError("there is no model: the installation is incomplete; install Soundsift again")


def get_model(name: str, source_file: Path | None, control: Control) -> Path:
    """Install a model whose parts come from its authors; return its folder.

    ``clap`` takes a folder of ``transformers.ClapModel`` as it is; what has a pinned hash is
    downloaded, or taken from a file.

    :param source_file: the authors' file (or folder), if it is already here.
    :raises InputError: no such model can be got.
    :raises ModelError: the file is not the expected one, or cannot be downloaded.
    """
    if name == CLAP:
        return _adopt_clap(source_file, control)
    if name not in SOURCES:
        raise InputError(f"{name} cannot be downloaded; these can: {', '.join(SOURCES)}, {CLAP}")
    source = SOURCES[name]
    checkpoint = source_file or _download(name, source, control)
    found = file_sha256(checkpoint, at_home=False)
    if found != source.sha256:
        raise ModelError(
            f"{checkpoint} is not the file its authors published (its SHA-256 is {found[:16]}…, "
            f"expected {source.sha256[:16]}…): nothing was installed"
        )
    return _assemble(name, find_model(source.shared), checkpoint, control)


def _adopt_clap(folder: Path | None, control: Control) -> Path:
    """Make a model of a complete CLAP checkpoint, with the bank of our own model."""
    if folder is None or not is_file(folder / "tokenizer.json"):
        raise InputError(
            "clap is installed from a folder with config.json, weights and tokenizer.json, "
            "such as a copy of laion/clap-htsat-unfused: name it with --from FOLDER"
        )
    target = installed_models() / CLAP
    with draft_of(target) as draft:
        convert_clap(folder, draft, find_model("default"), control)
        ensure_tried(draft, control)
    return target


def _assemble(name: str, shared: Path, checkpoint: Path, control: Control) -> Path:
    """Join a foreign audio tower with the shared parts of one of our models."""
    from engine.models.encoders import audio_tower_entry
    from engine.models.weights import (
        AUDIO_PREFIX,
        HEARD,
        fill,
        load_weights,
        save_weights,
        tensors_sha256,
    )

    recipe = assets() / "models" / name
    spec, shared_spec = read_spec(recipe), read_spec(shared)
    entry = audio_tower_entry(spec.audio_tower)
    tower, tensors = entry.make(spec), load_weights(shared, shared_spec)
    own = dict(entry.read(checkpoint))
    if entry.shared:
        theirs = (name for name in tensors if name.startswith(AUDIO_PREFIX))
        own |= {entry.shared + n.removeprefix(AUDIO_PREFIX): tensors[n] for n in theirs}
    fill(tower, own, "", checkpoint)
    tensors = {n: t for n, t in tensors.items() if not n.startswith((AUDIO_PREFIX, *HEARD))}
    tensors.update({AUDIO_PREFIX + n: t for n, t in tower.state_dict().items()})
    tensors.update(_potentials(recipe / "potentials.safetensors", shared_spec))
    spec = replace(spec, bank=shared_spec.bank, audible=shared_spec.audible)
    target = installed_models() / name
    with draft_of(target) as draft:
        shutil.copyfile(shared / "tokenizer.json", draft / "tokenizer.json")
        shutil.copyfile(recipe / "README.md", draft / "README.md")
        save_weights(tensors, draft / "weights.safetensors")
        write_spec(spec.with_files(draft, tensors_sha256(tensors, AUDIO_PREFIX)), draft)
        ensure_tried(draft, control)
    return target


def _potentials(path: Path, shared: ModelSpec) -> dict[str, Tensor]:
    """Return the bank's potentials of a recipe, if it was made for these shared parts."""
    from engine.models.weights import load_tensors, read_metadata

    if read_metadata(path).get("shared_id") != shared.id:
        raise ModelError(
            f"the recipe {path.parent} belongs to another version of {shared.name}: "
            "install Soundsift again"
        )
    return load_tensors(path)


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never away from https."""

    def redirect_request(self, *arguments: Any, **more: Any) -> urllib.request.Request | None:
        request = super().redirect_request(*arguments, **more)
        if request is not None and request.type != "https":
            raise ModelError(f"the download was redirected away from https, to {request.full_url}")
        return request


def _download(name: str, source: Download, control: Control) -> Path:
    """Fetch a file, going on where an earlier attempt stopped; its hash is checked later."""
    folder = data_folder() / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-{source.sha256[:16]}"
    if target.exists():
        return target
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(source.url, headers={"Range": f"bytes={have}-"})  # noqa: S310
    opener = urllib.request.build_opener(_HttpsOnly)
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            resumed = answer.status == 206
            with part.open("ab" if resumed else "wb") as file:
                done = have if resumed else 0
                for block in _blocks(answer):
                    file.write(block)
                    done += len(block)
                    control.report(Progress("downloading", done, source.size))
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(
            f"{name} cannot be downloaded from {source.url} ({reason}): connect to the network, "
            f"or fetch the file elsewhere and run `soundsift models get {name} --from FILE`"
        ) from None
    if file_sha256(part) != source.sha256:
        part.unlink()
        raise ModelError(
            f"the file downloaded from {source.url} is not the expected one: try again later"
        )
    part.replace(target)
    return target


def _blocks(answer: IO[bytes]) -> Iterator[bytes]:
    while block := answer.read(_BLOCK):
        yield block
