"""Every file of docs/reference and its text."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from chassis import docs_page
from local.reference import asyncapi, asyncapi_page
from local.reference.commands_page import commands_page
from local.reference.markdown import page
from local.reference.pages import metrics_page, problems_page, scopes_page, topics_page
from local.reference.services import Shown, shown_services
from local.reference.settings_page import settings_page

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def documents() -> dict[Path, str]:
    """Path -> text."""
    services = shown_services()
    events = asyncapi.document()
    made = {
        "README.md": _contents(services),
        "asyncapi.html": asyncapi_page.page(events, "asyncapi.yaml") + "\n",
        "asyncapi.yaml": yaml.safe_dump(events, sort_keys=False, allow_unicode=True, width=120),
        "commands.md": commands_page(),
        "metrics.md": metrics_page(),
        "problems.md": problems_page(services),
        "scopes.md": scopes_page(services),
        "settings.md": settings_page(services),
        "topics.md": topics_page(),
    }
    for service in services:
        spec = service.openapi
        made[f"openapi/{service.name}.json"] = json.dumps(spec, ensure_ascii=False, indent=2) + "\n"
        made[f"openapi/{service.name}.html"] = docs_page.page(spec, f"{service.name}.json") + "\n"
    return {FOLDER / name: text for name, text in made.items()}


def _contents(services: list[Shown]) -> str:
    apis = [
        f"- {service.name}: [{service.name}.json](openapi/{service.name}.json), as a page: "
        f"[{service.name}.html](openapi/{service.name}.html)"
        for service in services
    ]
    return page(
        "Reference",
        "Everything here is made from code.",
        "HTTP (OpenAPI 3.1); a running service shows its own at `/openapi.json` and `/docs`:",
        "\n".join(apis),
        "Events (AsyncAPI 3.0): [asyncapi.yaml](asyncapi.yaml), as a page: [asyncapi.html](asyncapi.html)",
        "Pages: [settings](settings.md), [topics](topics.md), [problems](problems.md), [metrics](metrics.md), "
        "[scopes](scopes.md), [commands](commands.md)",
    )
