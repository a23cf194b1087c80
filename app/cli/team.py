"""``soundsift team``: who may do what in a library on a server, and whether all is well with it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from getpass import getpass

import click

from app.cli.arguments import TEXT, Command, Family, everywhere, flag, option
from app.cli.invocation import Invocation
from app.cli.terminal import tell
from engine.errors import InputError
from engine.plain_text import one_line

_ADDRESS = click.argument("url", type=TEXT, metavar="URL", help="postgresql://USER@SERVER/DATABASE")
_NAME = click.argument("name", type=TEXT, metavar="NAME", help="a login of the server")
_TRIES = 3


@click.group(cls=Family)
def team() -> None:
    """Give people roles in a library on a server, and check the server."""


@team.command("init", cls=Command)
@_ADDRESS
@everywhere
def init(invocation: Invocation, url: str) -> None:
    """Make the library and its roles, or mend what they may (as the database's owner)."""
    from engine.store.team import init as make

    made = make(url)
    said = f"made: {', '.join(made)}" if made else "the roles are there, and may what they should"
    invocation.answer({"made": made}, one_line(said))


@team.command("add", cls=Command)
@_ADDRESS
@_NAME
@option(
    "--role",
    "reader searches; editor tags, marks and collects; curator indexes, works and removes; admin "
    "gives roles and upgrades",
    "ROLE",
    type=click.Choice(["reader", "editor", "curator", "admin"]),
    required=True,
)
@flag("--login", "make the login if there is none; its password is asked for, and not shown")
@everywhere
def add(invocation: Invocation, url: str, name: str, role: str, login: bool) -> None:
    """Give somebody a role, in the place of the one that they have."""
    from engine.store.team import add as give

    done = give(url, name, role, login, _password)
    said = f"{done.name} is {done.role} now"
    if done.before and done.before != done.role:
        said += f", and was {done.before}"
    if done.is_new and not done.has_password:
        said += "; the login has no password yet: set one with `\\password` of psql if it takes one"
    invocation.answer(asdict(done), one_line(said))


@team.command("list", cls=Command)
@_ADDRESS
@everywhere
def members(invocation: Invocation, url: str) -> None:
    """List who has which role, and who is connected."""
    from engine.store.team import members as of

    found = of(url)
    width = max((len(one_line(member.name)) for member in found), default=0)
    lines = [
        f"{one_line(member.name):{width}}  {member.role:7}"
        + (f"  connected ({member.connections})" if member.connections else "")
        + ("" if member.can_login else "  cannot log in")
        for member in found
    ]
    text = "\n".join(line.rstrip() for line in lines) or "nobody has a role yet"
    invocation.answer({"members": [asdict(member) for member in found]}, text)


@team.command("remove", cls=Command)
@_ADDRESS
@_NAME
@everywhere
def remove(invocation: Invocation, url: str, name: str) -> None:
    """Take somebody's role back; their login stays."""
    from engine.store.team import remove as take

    role = take(url, name)
    said = f"{name} is {role} no more; the login stays on the server"
    invocation.answer({"name": name, "role": role}, one_line(said))


@team.command("password", cls=Command)
@_ADDRESS
@flag("--forget", "forget the password that is kept")
@everywhere
def password(invocation: Invocation, url: str, forget: bool) -> None:
    """Keep your password in this computer's keyring; it is asked for, and not shown."""
    from engine.store.team import log_in, log_out

    if forget:
        found = log_out(url)
        said = "the password is forgotten" if found else "no password was kept"
        invocation.answer({"forgotten": found}, said)
        return
    if not sys.stdin or not sys.stdin.isatty():
        raise InputError("a password is typed at a terminal: scripts keep theirs in ~/.pgpass")
    kept = log_in(url, getpass("password: "))
    said = "the password is kept in the keyring" if kept else "the server asks for no password"
    invocation.answer({"kept": kept}, said)


@team.command("doctor", cls=Command)
@_ADDRESS
@everywhere
def doctor(invocation: Invocation, url: str) -> int:
    """Check connection, TLS, schema, grants, clocks, room, and who waits."""
    from engine.store.checkup import examine

    found = examine(url)
    width = max(len(finding.what) for finding in found)
    lines = []
    for finding in found:
        mark = "ok      " if finding.is_ok else "problem "
        lines.append(one_line(f"{mark}{finding.what:{width}}  {finding.said}"))
        if finding.todo:
            lines.append(" " * (8 + width + 2) + one_line(finding.todo))
    problems = sum(not finding.is_ok for finding in found)
    document = {"problems": problems, "findings": [asdict(finding) for finding in found]}
    invocation.answer(document, "\n".join(lines))
    return 1 if problems else 0


def _password() -> str:
    """Ask for the password of a new login; without a terminal it has none.

    :raises InputError: two texts differed too often.
    """
    if not sys.stdin or not sys.stdin.isatty():
        return ""
    for _ in range(_TRIES):
        given = getpass("password of the new login (Enter: none): ")
        if not given or getpass("again: ") == given:
            return given
        tell("the two differ: try again")
    raise InputError("the two passwords differed: nothing was changed, run the command again")
