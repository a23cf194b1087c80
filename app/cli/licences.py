"""``soundsift licences``: whose work is in here, and under which terms."""

from __future__ import annotations

from typing import Any

import click

from app.cli.arguments import Command, everywhere
from app.cli.invocation import Invocation


@click.command(cls=Command)
@click.argument("name", required=False, metavar="[NAME]")
@everywhere
def licences(invocation: Invocation, name: str | None) -> None:
    """List the licences of everything included, or print those of one part."""
    from app.licences import Work, work_named, works

    def document(work: Work) -> dict[str, Any]:
        texts = [str(text) for text in work.texts]
        return {"name": work.name, "version": work.version, "licence": work.licence, "texts": texts}

    if name is None:
        found = works()
        lines = [f"{work.name} {work.version}".ljust(36) + work.licence for work in found]
        invocation.answer({"works": list(map(document, found))}, "\n".join(lines))
        return
    work = work_named(name)
    texts = [text.read_text(encoding="utf-8", errors="replace") for text in work.texts]
    said = [f"{work.name} {work.version}: {work.licence}", *texts]
    if not texts:
        said.append("It came without the text of its licence.")
    invocation.answer(document(work), "\n\n".join(said))
