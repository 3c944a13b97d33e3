"""docs/reference/settings.md: what operators may set, and what production refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from chassis.settings import ServiceSettings
from local.reference.markdown import code, page, table
from local.reference.services import Shown, settings_of

# Settings that production takes, to be made unsafe one at a time. Nothing here is reached.
_SAFE: Mapping[str, Any] = {
    "environment": "production",
    "store_url": "mongodb://db/name?w=majority",
    "bus_url": "kafka://kafka:9092",
}
_SAFE_MAIL: Mapping[str, Any] = {"smtp_url": "smtp://mail:587", "sender": "titles@example.org"}
_UNSAFE: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "every service": (
        {"store_url": "sqlite:.local/name.db"},
        {"bus_url": "local:.local/bus.db"},
        {"store_url": "mongodb://db/name"},
        {"store_url": "mongodb://db/name?w=1"},
        {"store_url": "mongodb://db/name?w=majority&journal=false"},
        {"host": "0.0.0.0"},  # noqa: S104 - to be refused
        {"business_date": "2026-03-01"},
    ),
    "intake": ({"synthetic_rounds": True},),
    "competition": ({"synthetic_rosters": True},),
    "notify": (
        {"smtp_url": ""},
        {"smtp_tls": "none", "smtp_user": "user", "smtp_password": "password"},
        {"sender": "titles@zhicheng.invalid"},
    ),
}


def settings_page(services: Sequence[Shown]) -> str:
    return page(
        "Settings",
        "Environment variables only. A service reads those with its own prefix. Every variable may also be given as "
        "the path of a file, `<NAME>_FILE`: containers mount secrets that way. Settings in force are logged at start, "
        "secrets masked. `ZHICHENG_ENVIRONMENT` sets the environment of every service at once.",
        "## Every service",
        "`<SERVICE>_` stands for `INTAKE_`, `EQUIVALENCE_`, `COMPETITION_`, `NOTIFY_`.",
        _fields("<SERVICE>_", ServiceSettings.model_fields),
        *(part for service in services for part in _own(service)),
        "## What production refuses",
        "With `<SERVICE>_ENVIRONMENT=production` each of these ends the start with exit code 2 and the sentence beside "
        "it. This table is made by trying.",
        table(["service", "setting", "sentence"], _refusals()),
    )


def _own(service: Shown) -> Iterator[str]:
    shared = ServiceSettings.model_fields
    own = {
        name: field
        for name, field in service.settings.model_fields.items()
        if name not in shared or (field.default, field.description) != (shared[name].default, shared[name].description)
    }
    yield f"## {service.name}"
    yield _fields(f"{service.name.upper()}_", own)


def _fields(prefix: str, fields: Mapping[str, FieldInfo]) -> str:
    rows = [
        [code(f"{prefix}{name}".upper()), _default(field), (field.description or "").replace("<", "&lt;")]
        for name, field in fields.items()
    ]
    return table(["variable", "default", "meaning"], rows)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "none: must be set"
    if "Default:" in (field.description or ""):
        return "see there"
    value = field.default
    text = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    shown = "empty" if text in ("", None) else code(str(text).lower() if isinstance(text, bool) else text)
    choices = get_args(field.annotation) if isinstance(text, str) else ()
    named = [choice for choice in choices if isinstance(choice, str)]
    return f"{shown}; one of {', '.join(map(code, named))}" if named else shown


def _refusals() -> Iterator[list[str]]:
    for who, cases in _UNSAFE.items():
        name = "intake" if who == "every service" else who
        safe = {**_SAFE, **(_SAFE_MAIL if name == "notify" else {})}
        settings_of(name, **safe)
        prefix = "<SERVICE>" if who == "every service" else name.upper()
        for unsafe in cases:
            shown = ", ".join(code(f"{prefix}_{key.upper()}={_written(value)}") for key, value in unsafe.items())
            yield [who, shown, _refusal(name, {**safe, **unsafe})]


def _refusal(name: str, values: Mapping[str, Any]) -> str:
    try:
        settings_of(name, **values)
    except ValidationError as refused:
        return "; ".join(error["msg"].removeprefix("Value error, ") for error in refused.errors(include_input=False))
    raise AssertionError(f"{name} takes what this page calls unsafe")


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
