"""The OpenAPI document of a service: what FastAPI sees, plus bodies, scopes and every problem a caller can meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel

from chassis.callers import PUBLIC, SCOPES
from chassis.problems import (
    CHASSIS,
    MEDIA_TYPE,
    Busy,
    Forbidden,
    InvalidInput,
    MalformedJson,
    Problem,
    TookTooLong,
    TooLarge,
    TooSlow,
    Unauthenticated,
    Unavailable,
    Unexpected,
    WrongMediaType,
    find,
    name_of,
    title_of,
)

_PROBLEM_SCHEMA = {
    "title": "Problem",
    "description": "RFC 9457. Further members name limits and states; values of the request are never repeated.",
    "type": "object",
    "required": ["type", "title", "status", "correlation_id"],
    "properties": {
        "type": {"type": "string", "description": "urn:problem:<service>:<slug>; stable"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "instance": {"type": "string"},
        "correlation_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "rule"],
                "properties": {"field": {"type": "string"}, "rule": {"type": "string"}},
            },
        },
    },
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A route as callers meet it. `scope` None: no dependency of `may` guards it."""

    method: str
    path: str
    scope: str | None
    body: type[BaseModel] | None
    in_schema: bool


def operations(app: FastAPI) -> list[Operation]:
    """Every route of the application, probes and pages included."""
    found = []
    for route in iter_route_contexts(app.routes):
        calls = list(_calls(getattr(route, "dependant", None)))
        scope = next((call.scope for call in calls if hasattr(call, "scope")), None)
        body = next((call.model for call in calls if hasattr(call, "model")), None)
        for method in sorted(route.methods or ()):
            found.append(Operation(method, route.path or "", scope, body, bool(route.include_in_schema)))
    return found


def document(app: FastAPI, service: str, table: Mapping[type[Exception], Problem]) -> dict[str, Any]:
    """OpenAPI 3.1. Raises ValueError for a route that names a fault without an entry in the table."""
    spec = get_openapi(
        title=app.title, version=app.version, openapi_version="3.1.0", description=app.description, routes=app.routes
    )
    components = spec.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    faults = {name_of(kind): kind for kind in table}
    for operation in operations(app):
        if not operation.in_schema:
            continue
        entry = spec["paths"][operation.path][operation.method.lower()]
        if operation.body is not None:
            entry["requestBody"] = _request_body(operation.body, schemas)
        if operation.scope is not None:
            entry["security"] = [{"basic": []}, *([{}] if operation.scope in PUBLIC else [])]
            entry["x-scope"] = operation.scope
        _fill_problems(entry, operation, service, faults, table)
        _require_if_match(entry)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM_SCHEMA
    components["securitySchemes"] = {
        "basic": {
            "type": "http",
            "scheme": "basic",
            "description": "Id and secret of a client. Scopes:\n"
            + "\n".join(f"- `{scope}`: {sentence}" for scope, sentence in SCOPES.items()),
        }
    }
    return spec


def _calls(dependant: Dependant | None) -> Iterator[Any]:
    if dependant is None:
        return
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


def _request_body(model: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    """The model and what is in it stand in `schemas`, where references name them."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, part in (*schema.pop("$defs", {}).items(), (model.__name__, schema)):
        if schemas.setdefault(name, part) != part:
            raise ValueError(f"two different schemas are called {name}")
    return {"required": True, "content": {"application/json": {"schema": _named(model.__name__)}}}


def _named(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _fill_problems(
    entry: dict[str, Any],
    operation: Operation,
    service: str,
    faults: Mapping[str, type[Exception]],
    table: Mapping[type[Exception], Problem],
) -> None:
    responses = entry.setdefault("responses", {})
    if "HTTPValidationError" in str(responses.get("422", "")):
        del responses["422"]
    named = responses.pop("default", {}).get("x-faults", [])
    kinds: list[type[Exception]] = []
    for name in named:
        if name not in faults:
            raise ValueError(f"{operation.method} {operation.path} names {name}, which is in no table of problems")
        kinds.append(faults[name])
    for kind in dict.fromkeys([*kinds, *_implied(entry, operation)]):
        problem = find(table, kind) or CHASSIS[Unexpected]
        shown = responses.setdefault(str(problem.status), {"description": "", "content": {}})
        line = f"`urn:problem:{service}:{problem.slug}`: {title_of(kind)}"
        shown["description"] = f"{shown.get('description', '')}\n{line}".strip()
        shown.setdefault("content", {})[MEDIA_TYPE] = {"schema": _named("Problem")}


def _require_if_match(entry: Mapping[str, Any]) -> None:
    """Where a request without If-Match gets 428, the header is one that callers must send."""
    if str(HTTPStatus.PRECONDITION_REQUIRED.value) not in entry["responses"]:
        return
    for parameter in entry.get("parameters", []):
        if parameter["name"].lower() == "if-match":
            parameter["required"] = True
            kinds = parameter["schema"].pop("anyOf", [])
            parameter["schema"] |= next((kind for kind in kinds if kind.get("type") == "string"), {})


def _implied(entry: Mapping[str, Any], operation: Operation) -> list[type[Exception]]:
    """What every route of its kind can end in."""
    kinds: list[type[Exception]] = []
    if operation.scope is not None:
        kinds.append(Unauthenticated)
        if operation.scope not in PUBLIC:
            kinds.append(Forbidden)
    if operation.body is not None:
        kinds += [MalformedJson, InvalidInput, WrongMediaType, TooLarge, TooSlow]
    elif entry.get("parameters"):
        kinds.append(InvalidInput)
    return [*kinds, Unexpected, Unavailable, Busy, TookTooLong]
