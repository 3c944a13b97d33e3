"""Request bodies: strict JSON first, then the model. Errors name field and rule, never a value or an unknown name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request

from chassis.json_text import parse_json
from chassis.problems import FieldError, InvalidInput, WrongMediaType

__all__ = ["check", "field_errors", "json_body", "json_body_schema", "parse_json", "rule_of"]

Model = TypeVar("Model", bound=BaseModel)
MOST_ERRORS = 50

# pydantic's error types -> the names of rules that callers may rely on. Own rules keep their name
# (`PydanticCustomError("checksum", "...")`); a type that is not listed is shown with dashes.
_RULES = {
    "missing": "required",
    "extra_forbidden": "unknown-field",
    "string_pattern_mismatch": "pattern",
    "string_too_short": "too-short",
    "string_too_long": "too-long",
    "too_short": "too-few",
    "too_long": "too-many",
    "enum": "one-of",
    "literal_error": "one-of",
    "union_tag_invalid": "one-of",
    "union_tag_not_found": "required",
    "greater_than": "too-small",
    "greater_than_equal": "too-small",
    "less_than": "too-large",
    "less_than_equal": "too-large",
    "multiple_of": "step",
    "string_type": "text",
    "int_type": "integer",
    "int_parsing": "integer",
    "int_from_float": "integer",
    "float_type": "number",
    "float_parsing": "number",
    "bool_type": "true-or-false",
    "bool_parsing": "true-or-false",
    "list_type": "list",
    "tuple_type": "list",
    "set_type": "list",
    "dict_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
    "date_type": "date",
    "date_parsing": "date",
    "date_from_datetime_parsing": "date",
    "date_from_datetime_inexact": "date",
    "uuid_type": "uuid",
    "uuid_parsing": "uuid",
    "value_error": "invalid",
    "assertion_error": "invalid",
    "json_invalid": "syntax",
}


def rule_of(type: str) -> str:
    return _RULES.get(type, type.replace("_", "-"))


def check(model: type[Model], value: Any) -> Model:
    """The model of a JSON value (as `parse_json` gives it). Raises InvalidInput."""
    return _validated(model, orjson.dumps(value))


def json_body(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """The dependency that reads, checks and gives the body: `body: Annotated[Filing, Depends(json_body(Filing))]`.

    Raises WrongMediaType (415), MalformedJson (400), InvalidInput (422). Its attribute `model` says what it reads.
    """
    return _json_body(model)


@cache
def _json_body(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    async def body(request: Request) -> Model:
        _check_media_type(request.headers.get("content-type", ""))
        raw = await request.body()
        parse_json(raw, max_depth=request.app.state.settings.max_json_depth)
        return _validated(model, raw)

    body.model = model  # type: ignore[attr-defined]
    return body


def json_body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra=` for a route that reads its body in another way. Routes with `json_body` need nothing."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def field_errors(errors: Iterable[ErrorDetails], known: frozenset[str] | None = None) -> list[FieldError]:
    """Errors of pydantic as field and rule. Parts of a path not in `known` come from the sender and are left out."""
    found: dict[FieldError, None] = {}
    for error in errors:
        parts: Sequence[int | str] = error["loc"]
        if error["type"] == "extra_forbidden":
            parts = parts[:-1]
        inner = (error.get("ctx") or {}).get("field")
        if isinstance(inner, str) and error["type"] not in _RULES:
            parts = [*parts, inner]
        found[FieldError(_path(parts, known), rule_of(error["type"]))] = None
        if len(found) == MOST_ERRORS:
            break
    return list(found)


def _validated(model: type[Model], raw: bytes) -> Model:
    """Strict: "1" is no number and 0 is no false, but dates and enumerations are text in JSON and are read as such."""
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as refused:
        raise InvalidInput(
            field_errors(refused.errors(include_url=False, include_input=False), _names(model))
        ) from None


def _check_media_type(given: str) -> None:
    kind, _, parameters = given.partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise WrongMediaType


@cache
def _names(model: type[BaseModel]) -> frozenset[str]:
    """Every field name in the model and in the models inside it."""
    names: set[str] = set()

    def collect(schema: Any) -> None:
        if isinstance(schema, dict):
            properties = schema.get("properties")
            if isinstance(properties, dict):
                names.update(properties)
            for part in schema.values():
                collect(part)
        elif isinstance(schema, list):
            for part in schema:
                collect(part)

    collect(model.model_json_schema())
    return frozenset(names)


def _path(parts: Sequence[int | str], known: frozenset[str] | None) -> str:
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif known is None or part in known:
            path += f".{part}" if path else part
    return path or "body"
