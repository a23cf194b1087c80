"""The HTTP API as an OpenAPI document, made of the operations themselves."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from app.serve.operations import OPERATIONS, Operation
from app.serve.questions import Nothing, Question, SimilarFile

_REFUSALS = {
    "400": "The question makes no sense.",
    "401": "The token is missing or wrong.",
    "403": "The server was started without the permission for it.",
    "404": "The library has no such sound.",
    "422": "The file of a sound cannot be read.",
    "503": "Too many requests at once.",
}


def schema_of(asks: type[Question]) -> dict[str, Any]:
    """Return the JSON Schema of a question, whole and without the names of our classes."""
    schema = asks.model_json_schema()
    parts = schema.pop("$defs", {})
    return _plain(schema, parts)  # type: ignore[no-any-return]


def openapi(file_path: str) -> dict[str, Any]:
    """Return the document; ``file_path`` is where a sound is sent to."""
    paths = {f"/v1/{operation.path}": _path(operation) for operation in OPERATIONS}
    paths[file_path] = {"post": _file_path()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Soundsift",
            "version": version("soundsift"),
            "description": "Find sounds by what they sound like, in the library of this computer.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": {"error": {"type": "string", "description": "One sentence."}},
                    "required": ["error"],
                }
            },
        },
    }


def _path(operation: Operation) -> dict[str, Any]:
    asked = {
        "operationId": operation.name,
        "summary": operation.tells,
        "responses": _responses(),
    }
    if operation.asks is Nothing:
        return {"get": asked}
    body = {"required": True, "content": _json(schema_of(operation.asks))}
    return {"post": {**asked, "requestBody": body}}


def _file_path() -> dict[str, Any]:
    properties = schema_of(SimilarFile)["properties"]
    return {
        "operationId": "similar_file",
        "summary": "Find sounds that sound like a file that is sent along.",
        "parameters": [
            {"name": name, "in": "query", "schema": schema} for name, schema in properties.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"format": "binary"}}},
        },
        "responses": _responses(),
    }


def _responses() -> dict[str, Any]:
    error = {"$ref": "#/components/schemas/Error"}
    refused = {
        status: {"description": said, "content": _json(error)} for status, said in _REFUSALS.items()
    }
    return {
        "200": {"description": "What was found.", "content": _json({"type": "object"})},
        **refused,
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _plain(schema: Any, parts: dict[str, Any]) -> Any:
    """Return a schema with its parts in their places, and no titles."""
    if isinstance(schema, list):
        return [_plain(one, parts) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _plain(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {
        name: _properties(value, parts) if name == "properties" else _plain(value, parts)
        for name, value in schema.items()
        if name != "title"
    }


def _properties(named: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(schema, parts) for name, schema in named.items()}
