"""The HTTP API: every operation is a path below ``/v1/`` that takes and gives JSON."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.serve.answers import as_json, problem, rounded
from app.serve.desk import Desk
from app.serve.guard import App, Receive, Scope, Send
from app.serve.openapi import openapi
from app.serve.operations import OPERATIONS, Operation, similar_file
from app.serve.questions import Nothing, SimilarFile
from app.serve.workers import Workers
from engine.errors import InputError

FILE_PATH = "/v1/similar-file"
MCP_PATH = "/mcp"
_JSON = "application/json"
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]
Endpoint = Callable[[Request], Awaitable[Response]]


def make_api(workers: Workers, mcp: App, lifespan: Lifespan) -> Starlette:
    """Return the application behind the guard; ``mcp`` answers agents."""
    routes = [_route(operation, workers) for operation in OPERATIONS]
    routes.append(Route(FILE_PATH, _similar_file(workers), methods=["POST"]))
    routes.append(Route("/openapi.json", _document, methods=["GET"]))
    routes.append(Route(MCP_PATH, _Agents(mcp), methods=["POST"]))
    handlers = {HTTPException: _not_found}
    api = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)  # type: ignore[arg-type]
    api.router.redirect_slashes = False  # a redirect would name a host
    return api


class _Agents:
    """An application as an endpoint: Starlette takes functions for those of its own."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _route(operation: Operation, workers: Workers) -> Route:
    async def answer(request: Request) -> Response:
        def work(desk: Desk, body: bytes) -> str:
            return as_json(operation.answer(desk, _read(body)))

        body = b"" if request.method == "GET" else await request.body()
        return await _answered(workers, partial(work, body=body))

    methods = ["GET", "POST"] if operation.asks is Nothing else ["POST"]
    return Route(f"/v1/{operation.path}", answer, methods=methods)


def _similar_file(workers: Workers) -> Endpoint:
    async def answer(request: Request) -> Response:
        fields, body = dict(request.query_params), await request.body()

        def work(desk: Desk) -> str:
            asked = SimilarFile.model_validate(fields)
            with tempfile.TemporaryDirectory(prefix="soundsift-") as folder:
                file = Path(folder) / "the file"
                file.write_bytes(body)
                return as_json(rounded(similar_file(desk, file, asked)))

        return await _answered(workers, work)

    return answer


async def _answered(workers: Workers, work: Callable[[Desk], str]) -> Response:
    try:
        return Response(await workers.run(work), media_type=_JSON)
    except Exception as error:
        status, sentence = problem(error)
        return Response(as_json({"error": sentence}), status, media_type=_JSON)


async def _document(request: Request) -> Response:
    return Response(as_json(openapi(FILE_PATH)), media_type=_JSON)


async def _not_found(request: Request, error: HTTPException) -> Response:
    said = {
        404: f"there is nothing at {request.url.path}: see /openapi.json",
        405: f"{request.url.path} is not asked that way: see /openapi.json",
    }.get(error.status_code, error.detail)
    return Response(as_json({"error": said}), error.status_code, media_type=_JSON)


def _read(body: bytes) -> Any:
    """Return what a body says; nothing is a question without fields.

    :raises InputError: it is no JSON.
    """
    if not body:
        return {}
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("the question is not JSON: send an object with its fields") from None
