"""One spelling for a JSON value, so that the same content has the same digest everywhere."""

import hashlib
from typing import Any

import orjson

_PLAIN = frozenset({str, int, bool, type(None)})
# A dataclass is no JSON value, and could hide a float.
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with keys sorted by code points and no white space.

    TypeError for a float, because no two encoders agree on them, for an integer beyond 64 bits, for a key that is not
    text, and for what is no JSON value.
    """
    _refuse_floats(value)
    return orjson.dumps(value, option=_OPTIONS)


def digest(value: Any) -> str:
    """`sha256:<hex>` over the canonical JSON of a value."""
    return "sha256:" + hashlib.sha256(canonical_json(value)).hexdigest()


def _refuse_floats(value: Any) -> None:
    """Most parts are text: they are passed over without a call."""
    if isinstance(value, float):
        raise TypeError("a float has no canonical form; use an integer or a string")
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for part in value:
        if type(part) not in _PLAIN:
            _refuse_floats(part)
