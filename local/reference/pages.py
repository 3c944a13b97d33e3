"""The short pages of docs/reference: topics, problems, metrics, scopes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.metrics import MetricWrapperBase

from chassis import metrics
from chassis.callers import PUBLIC, SCOPES
from chassis.openapi import operations
from chassis.problems import CHASSIS, Fault, Problem, title_of
from contracts.events import BY_TYPE
from contracts.schemas import file_of, schema_of
from contracts.topics import topics
from local.reference.asyncapi import examples_of
from local.reference.markdown import code, page, table
from local.reference.services import Shown


def topics_page() -> str:
    parts = [
        "One topic per owner; its event types are told apart by the header `ce_type`. Delivery is at least once and in "
        "order per key; `ce_sequence` counts the events of one key from 1, and `ce_before` names the last event of "
        "each type before, so that a reader may pass over the types that it does not hear "
        "([decision 8](../decisions/0008-skipped-events-and-claims.md)). The same for machines: "
        "[asyncapi.yaml](asyncapi.yaml), as a page: [asyncapi.html](asyncapi.html)."
    ]
    for topic in topics():
        parts.append(f"## {topic.name}")
        parts.append(
            f"{topic.producer} says it; {', '.join(topic.consumers)} listen. Key: {code(topic.key)}. "
            f"{topic.partitions} partitions, kept for {topic.retention_days} days."
        )
        kinds = [BY_TYPE[type_] for type_ in topic.types]
        rows = [
            [
                code(kind.TYPE),
                str(kind.VERSION),
                schema_of(kind)["description"],
                f"[schema](../../contracts/schemas/{file_of(kind).name})",
                f"[{len(examples_of(kind))}](../../contracts/examples/{kind.TYPE}/{kind.VERSION})",
            ]
            for kind in kinds
        ]
        parts.append(table(["type", "version", "meaning", "schema", "examples"], rows))
    return page("Topics", *parts)


def problems_page(services: Sequence[Shown]) -> str:
    own = [
        table(["type", "status", "title"], _problems(service.name, service.service.problems)) for service in services
    ]
    return page(
        "Problems",
        "Every refusal is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `correlation_id`, and "
        "`instance` where a route was found. `type` never changes. `errors` names fields and rules; a value of the "
        "request is never repeated. Another method on a path that exists is 405 `method-not-allowed` with `Allow`.",
        "## Every service",
        "`<service>` stands for the service that answers. 503 comes with `Retry-After`.",
        table(["type", "status", "title"], _problems("<service>", CHASSIS)),
        *(part for service, rows in zip(services, own, strict=True) for part in (f"## {service.name}", rows)),
    )


def _problems(service: str, problems: Mapping[type[Exception], Problem]) -> Iterator[list[str]]:
    for kind, problem in sorted(problems.items(), key=lambda entry: (entry[1].status, entry[1].slug)):
        if issubclass(kind, Fault):
            yield [code(f"urn:problem:{service}:{problem.slug}"), str(problem.status), title_of(kind)]


def metrics_page() -> str:
    found = [metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)]
    rows = []
    for metric in found:
        [described] = metric.describe()
        labels = getattr(metric, "_labelnames")  # noqa: B009 - the library has no public name for them
        name = f"{described.name}_total" if described.type == "counter" else described.name
        rows.append([code(name), described.type, ", ".join(map(code, labels)), described.documentation])
    return page(
        "Metrics",
        "At `GET /metrics` of every process, in Prometheus' text form, beside the usual metrics of the process and the "
        "interpreter. Labels hold names from code, never ids, paths or data.",
        table(["name", "kind", "labels", "meaning"], rows),
    )


def scopes_page(services: Sequence[Shown]) -> str:
    needed: dict[str, list[str]] = {}
    for service in services:
        for operation in operations(service.app):
            if operation.scope is not None:
                needed.setdefault(operation.scope, []).append(
                    code(f"{operation.method} {operation.path}") + f" ({service.name})"
                )
    rows = [
        [code(scope) + (" (public)" if scope in PUBLIC else ""), sentence, "<br>".join(needed.get(scope, []))]
        for scope, sentence in SCOPES.items()
    ]
    return page(
        "Scopes",
        "A client has an id, a secret, a partner and scopes; it sends id and secret by HTTP Basic. Clients are kept by "
        "`python -m chassis.callers_cli` (see [commands](commands.md)). A route that needs no scope answers everybody.",
        table(["scope", "what it allows", "routes"], rows),
    )
