"""The page at /docs: the operations of the OpenAPI document as plain HTML. It loads nothing, from nowhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
section{border-top:1px solid #ccc;padding:.5rem 0 1rem}
h2{font:600 1.05rem ui-monospace,monospace;overflow-wrap:anywhere}
h2 b{display:inline-block;min-width:4.5rem;color:#0a5}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}
pre{background:#f5f5f5;padding:.8rem;overflow:auto}code{font-family:ui-monospace,monospace}
"""


def page(spec: Mapping[str, Any], source: str = "openapi.json") -> str:
    """HTML of an OpenAPI document. `source`: where the document itself is, as seen from the page."""
    sections = [
        _operation(method, path, operation)
        for path, methods in spec.get("paths", {}).items()
        for method, operation in methods.items()
    ]
    schemas = "".join(
        f"<details id='schema-{escape(name)}'><summary><code>{escape(name)}</code></summary>{shown(schema)}</details>"
        for name, schema in sorted(spec.get("components", {}).get("schemas", {}).items())
    )
    link = f"<a href='{escape(source)}'>{escape(source)}</a>"
    return whole(
        f"{spec['info']['title']} {spec['info']['version']}",
        f"<p>{escape(spec['info'].get('description', ''))}</p>"
        f"<p>The same for machines: {link} (OpenAPI {escape(spec['openapi'])}).</p>"
        f"{''.join(sections)}<section><h2>Schemas</h2>{schemas}</section>",
    )


def whole(title: str, body: str) -> str:
    """A page: `title` is text, `body` is HTML."""
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{escape(title)}</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1>{body}</body></html>"
    )


def shown(value: Any) -> str:
    """JSON as HTML."""
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    text = operation.get("description") or operation.get("summary", "")
    scope = operation.get("x-scope")
    parts = [f"<section><h2><b>{escape(method.upper())}</b>{escape(path)}</h2><p>{escape(text)}</p>"]
    if scope:
        parts.append(f"<p>Scope: <code>{escape(scope)}</code></p>")
    if parameters := operation.get("parameters"):
        rows = "".join(_parameter(parameter) for parameter in parameters)
        parts.append(f"<table><tr><th>parameter<th>in<th>meaning</tr>{rows}</table>")
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<p>Body: <code>{escape(kind)}</code>, {_schema(content['schema'])}</p>")
    rows = "".join(_response(status, answer) for status, answer in sorted(operation.get("responses", {}).items()))
    parts.append(f"<details><summary>Answers</summary><table>{rows}</table></details></section>")
    return "".join(parts)


def _parameter(parameter: Mapping[str, Any]) -> str:
    needed = ", required" if parameter.get("required") else ""
    meaning = parameter.get("description") or parameter.get("schema", {}).get("description", "")
    name = escape(parameter["name"])
    return f"<tr><td><code>{name}</code><td>{escape(parameter['in'])}{needed}<td>{escape(meaning)}</tr>"


def _response(status: str, answer: Mapping[str, Any]) -> str:
    meaning = escape(answer.get("description", "")).replace("\n", "<br>")
    kinds = [content["schema"] for content in answer.get("content", {}).values() if content.get("schema")]
    return f"<tr><td>{escape(status)}<td>{meaning}<td>{', '.join(_schema(schema) for schema in kinds)}</tr>"


def _schema(schema: Mapping[str, Any]) -> str:
    """Links to the named schemas in it; a schema without a name as it is."""
    parts = schema.get("anyOf", [schema])
    if not all("$ref" in part for part in parts):
        return f"<details><summary>schema</summary>{shown(schema)}</details>"
    names = [escape(part["$ref"].rpartition("/")[2]) for part in parts]
    return " or ".join(f"<a href='#schema-{name}'>{name}</a>" for name in names)
