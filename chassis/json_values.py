"""Frozen values as JSON gives them back: dataclasses and mappings as objects, tuples as lists."""

from __future__ import annotations

from typing import Any

import orjson


def json_value(value: object) -> Any:
    """Shares nothing with `value`. TypeError for what is no JSON value, a date among them."""
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME))
