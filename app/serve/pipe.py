"""Tools for an agent that starts us and talks through our standard streams."""

from __future__ import annotations

import anyio
from mcp.server.stdio import stdio_server

from app.serve.desk import Desk
from app.serve.tools import make_tools
from app.serve.workers import Workers


def serve_pipe(desk: Desk) -> None:
    """Answer until standard input ends."""
    anyio.run(_serve, desk)


async def _serve(desk: Desk) -> None:
    server = make_tools(Workers(desk), desk)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
