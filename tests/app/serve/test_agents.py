"""Agents, with the client of the protocol's own kit: through standard streams and over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra `serve` is not installed")

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.app.serve.conftest import END_S, Served, command, environment

READING = {
    "library_map",
    "list_saved_searches",
    "search_sounds",
    "similar_sounds",
    "describe_sound",
    "suggest_tags",
    "library_status",
    "list_folders",
    "list_collections",
}
Talk = Callable[[Client], Awaitable[Any]]


def over_http(server: Served, talk: Talk, token: str | None = None, **more: Any) -> Any:
    async def run() -> Any:
        heads = {"Authorization": f"Bearer {server.token if token is None else token}"}
        async with (
            httpx2.AsyncClient(headers=heads, timeout=60) as http,
            Client(
                streamable_http_client(server.address + "/mcp", http_client=http), **more
            ) as client,
        ):
            return await talk(client)

    return asyncio.run(run())


def over_pipes(home: Path, library: Path, talk: Talk, *arguments: object, **more: Any) -> Any:
    whole = command("--mcp", "--library", library, *arguments)
    parameters = StdioServerParameters(command=whole[0], args=whole[1:], env=environment(home))

    async def run() -> Any:
        with Path(os.devnull).open("w") as nothing:
            async with Client(stdio_client(parameters, errlog=nothing), **more) as client:
                return await talk(client)

    return asyncio.run(run())


async def work(client: Client) -> set[str]:
    """Search, look closer, and be told what is wrong, as an agent does; return the tools."""
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert tools["search_sounds"].input_schema["required"] == ["text"]
    assert all(tool.description for tool in tools.values())
    found = await client.call_tool("search_sounds", {"text": "low tone", "limit": 3})
    assert not found.is_error and len(found.structured_content["results"]) == 3
    assert json.loads(found.content[0].text) == found.structured_content
    best = found.structured_content["results"][0]
    told = (await client.call_tool("describe_sound", {"sound": best["id"]})).structured_content
    assert told["path"] == best["path"] and told["parts"][0]["share"] > 0
    like = await client.call_tool("similar_sounds", {"sounds": [{"sound": best["id"]}]})
    assert best["id"] not in [one["id"] for one in like.structured_content["results"]]
    wrong = await client.call_tool("search_sounds", {"text": "dur:soon"})
    assert wrong.is_error and "dur:soon is not understood" in wrong.content[0].text
    wrong = await client.call_tool("describe_sound", {"sound": "/etc/passwd"})
    assert wrong.is_error and "no sound /etc/passwd" in wrong.content[0].text
    wrong = await client.call_tool("search_sounds", {"texts": "door"})
    assert wrong.is_error and "text" in wrong.content[0].text
    return set(tools)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_agent_works_over_http(server: Served, mode):
    tools = over_http(server, work, mode=mode)
    assert tools == READING | {"decide_tags", "hand_over_sound"}


def test_an_agent_that_starts_us_works_and_sees_no_tool_that_it_may_not_use(indexed):
    home, library, _ = indexed

    async def forbidden(client: Client) -> set[str]:
        for name in ("decide_tags", "hand_over_sound", "no_such_tool"):
            wrong = await client.call_tool(name, {})
            assert wrong.is_error and "there is no tool" in wrong.content[0].text
        return await work(client)

    assert over_pipes(home, library, forbidden) == READING


def test_an_agent_of_the_older_handshake_copies_and_tags_where_it_may(indexed, tmp_path):
    home, library, _ = indexed

    async def change(client: Client) -> tuple[Any, Any]:
        sound = {"sound": 3}
        copy = await client.call_tool("hand_over_sound", {**sound, "start_s": 0.1, "end_s": 0.2})
        tag = await client.call_tool("decide_tags", {"accept": [{**sound, "label": "by agent"}]})
        undone = await client.call_tool("decide_tags", {"reject": [{**sound, "label": "by agent"}]})
        assert not undone.is_error
        return copy.structured_content, tag.structured_content

    options = ("--allow-changes", "--hand-over", tmp_path / "copies")
    copy, tag = over_pipes(home, library, change, *options, mode="legacy")
    assert Path(copy["file"]).parent == tmp_path / "copies" and Path(copy["file"]).is_file()
    assert tag["changed"] == [{"id": 3, "label": "by agent", "state": "accepted"}]


def test_an_agent_without_the_token_is_told_nothing(server: Served):
    with pytest.raises(Exception) as refused:
        over_http(server, work, token="wrong")
    assert server.token not in repr(refused.value)


def test_what_libraries_print_is_no_message(indexed):
    """A stray line among the messages would end the conversation."""
    home, library, _ = indexed
    noisy = (
        "import os, sys\n"
        "from app.serve import operations\n"
        "from app.cli import main\n"
        "real = operations.OPERATIONS[6].does\n"
        "def loud(desk, asked):\n"
        "    print('stray'); os.write(1, b'stray\\n')\n"
        "    return real(desk, asked)\n"
        "object.__setattr__(operations.OPERATIONS[6], 'does', loud)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = ["-c", noisy, "serve", "--mcp", "--library", str(library)]
    parameters = StdioServerParameters(
        command=sys.executable, args=arguments, env=environment(home)
    )

    async def run() -> Any:
        with Path(os.devnull).open("w") as nothing:
            async with Client(stdio_client(parameters, errlog=nothing)) as client:
                return await client.call_tool("library_status", {})

    assert asyncio.run(run()).structured_content["sounds"] >= 12


def test_it_ends_when_the_agent_closes_its_pipe(indexed):
    home, library, _ = indexed
    done = subprocess.run(
        command("--mcp", "--library", library),
        env=environment(home),
        input=b"not a message\n",
        capture_output=True,
        timeout=END_S * 2,
    )
    assert done.returncode == 0 and b"Traceback" not in done.stderr
