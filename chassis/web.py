"""The web application of a service: its routers, with problem documents, limits, probes and documentation around."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from chassis import docs_page, metrics, openapi, parked_api
from chassis.bodies import field_errors
from chassis.health import Health
from chassis.limits import Limits
from chassis.observed import Observed
from chassis.probes import PROBES, Readiness, probes
from chassis.problems import CHASSIS, InvalidInput, NotFound, Problem, answer, plain
from chassis.settings import ServiceSettings
from chassis.store import StoreUnavailable
from chassis.version import VERSION

if TYPE_CHECKING:
    from chassis.service import Infra, Service

log = logging.getLogger(__name__)

UseCase = TypeVar("UseCase")


def create_app(
    service: Service, infra: Infra, settings: ServiceSettings, health: Health | None = None, *, api: bool = True
) -> FastAPI:
    """The application. `api=False`: the probes alone, for processes that only consume or relay.

    Raises ValueError for a route that names a fault without an entry in the service's table of problems.
    """
    table = {**CHASSIS, **service.problems}
    fail = _failing(service.name, table)
    app = FastAPI(
        title=f"zhicheng {service.name}",
        version=VERSION,
        description="Errors are problem documents (RFC 9457). Send X-Correlation-Id to find your request in our logs.",
        # FastAPI's own telemetry would log validation failures and exceptions with their messages.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(Observed, fail, service=service.name),
            Middleware(
                Limits,
                fail,
                max_requests=settings.max_requests,
                unlimited=PROBES,
                max_body_bytes=settings.max_body_kb * 1024,
                body_seconds=settings.body_seconds,
                request_seconds=settings.request_seconds,
            ),
        ],
    )
    app.state.service = service
    app.state.infra = infra
    app.state.settings = settings
    app.state.use_cases = dict(service.use_cases)
    app.state.readiness = Readiness(service.name, infra.store, health or infra.health, settings.max_unsent)
    _handle_errors(app, service.name, table)
    app.include_router(probes(service.name))
    if api:
        for router in service.routers:
            app.include_router(router)
        if service.subscriptions:
            app.include_router(parked_api.routes(infra.store, infra.clock))
        _callers_first(app)
        _document(app, service.name, table)
    return app


def use_case(kind: type[UseCase]) -> Callable[[Request], Awaitable[UseCase]]:
    """The dependency that gives the service's use case of this type: `Annotated[Submit, Depends(use_case(Submit))]`."""

    async def find(request: Request) -> UseCase:
        found: UseCase = request.app.state.use_cases[kind]
        return found

    return find


def _failing(service: str, table: Mapping[type[Exception], Problem]) -> Callable[[Request, Exception], Response]:
    def fail(request: Request, error: Exception) -> Response:
        return answer(service, table, error, request)

    return fail


def _handle_errors(app: FastAPI, service: str, table: Mapping[type[Exception], Problem]) -> None:
    async def on_known(request: Request, error: Exception) -> Response:
        if isinstance(error, StoreUnavailable):
            metrics.STORE_TROUBLE.labels(service=service, where="http").inc()
            log.warning("store does not answer", extra={"action": "http.store-away"})
        return answer(service, table, error, request)

    async def on_http(request: Request, error: Exception) -> Response:
        """What the framework raises: no route, another method. Its own words may hold values and are not shown."""
        if not isinstance(error, HTTPException) or error.status_code == HTTPStatus.NOT_FOUND:
            return answer(service, table, NotFound(), request)
        phrase = HTTPStatus(error.status_code).phrase
        problem = Problem(error.status_code, phrase.lower().replace(" ", "-"))
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # the framework's Allow names one route of the path
            headers["Allow"] = ", ".join(_methods(app, request))
        return plain(service, problem, f"{phrase}.", request, members={}, headers=headers)

    async def on_invalid(request: Request, error: Exception) -> Response:
        errors = error.errors() if isinstance(error, RequestValidationError) else []
        return answer(service, table, InvalidInput(field_errors(errors)), request)

    for kind in table:
        app.add_exception_handler(kind, on_known)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)


def _methods(app: FastAPI, request: Request) -> list[str]:
    """Every method that some route of the request's path takes."""
    found: set[str] = set()
    for route in iter_route_contexts(app.routes):
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found)


def _callers_first(app: FastAPI) -> None:
    """The caller is known before anything else of a request is read, in whatever order a route names its parameters."""
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant is not None:
            dependant.dependencies.sort(key=lambda dependency: not hasattr(dependency.call, "scope"))


def _document(app: FastAPI, service: str, table: Mapping[type[Exception], Problem]) -> None:
    """Made once at start, so that a route with an unknown fault refuses the start and not the reader."""
    spec: dict[str, Any] = openapi.document(app, service, table)
    html = docs_page.page(spec)
    app.openapi = lambda: spec  # type: ignore[method-assign]

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi_json() -> dict[str, Any]:
        return spec

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(html, headers=docs_page.HEADERS)
