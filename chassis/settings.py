"""Settings that every service has: environment variables only, each described, unsafe ones refused at start."""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.bus_kafka.address import FORMS, address

_PASSWORD_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ServiceSettings(BaseSettings):
    """A service's class sets `env_prefix` ("INTAKE_") and adds what only it has.

    Every variable may also be given as the path of a file, `<NAME>_FILE`: containers mount secrets that way.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "test", "production"] = Field(
        "development",
        description="Production refuses what is unsafe. ZHICHENG_ENVIRONMENT sets it for every service at once.",
    )
    host: str = Field("127.0.0.1", description="Address that the HTTP server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the HTTP server; 0 takes a free one.")
    behind_tls_proxy: bool = Field(
        False, description="True: a proxy in front speaks TLS. Production needs it to listen beyond this machine."
    )
    store_url: SecretStr = Field(
        SecretStr(""),
        description="sqlite:<file> or mongodb://... (production: w=majority). Default: sqlite:.local/<service>.db.",
    )
    bus_url: SecretStr = Field(
        SecretStr("local:.local/bus.db"),
        description=f"local:<file>, {FORMS}; saslMechanism, tlsCertificateFile and tlsKeyFile are options too.",
    )
    callers_file: Path = Field(
        Path(".local/callers.json"), description="Clients, their scopes and the digests of their secrets."
    )
    business_date: date | None = Field(
        None, description="A business date that does not move, for demonstrations and tests. Refused in production."
    )
    member: str = Field(
        "",
        description="Name of this process in its consumer group, if it keeps one over restarts (a pod's name): then it "
        "keeps its partitions over a quick one. No two processes of a service may have the same.",
    )
    setup_at_start: bool = Field(
        True, description="Make collections, indexes, topics and policy versions at start; off where a job does it."
    )
    gap_seconds: NonNegativeFloat = Field(
        10.0, description="How long an event whose predecessor is missing waits before its key is parked."
    )
    max_unsent: PositiveInt = Field(
        5000, description="With more documents waiting to be sent, the service is not ready and refuses new work (503)."
    )
    max_requests: PositiveInt = Field(
        200,
        description="Requests in work at once in this process; more get 503. Probes always answer.",
    )
    max_body_kb: PositiveInt = Field(256, description="Larger bodies get 413. KiB.")
    max_json_depth: PositiveInt = Field(32, le=200, description="JSON nested deeper gets 400.")
    body_seconds: PositiveFloat = Field(10.0, description="A body that takes longer to arrive gets 408.")
    request_seconds: PositiveFloat = Field(30.0, description="A request that takes longer to handle gets 503.")
    crash_plan: Path | None = Field(
        None, description="Fault tests alone: a file that says where this process kills itself. Refused in production."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Level of our own log lines; libraries never log below INFO."
    )

    @classmethod
    def service_name(cls) -> str:
        """From the prefix of the variables: INTAKE_ -> intake."""
        return str(cls.model_config.get("env_prefix", "")).rstrip("_").lower()

    @model_validator(mode="before")
    @classmethod
    def _from_files_and_defaults(cls, given: Any) -> Any:
        values = dict(given)
        prefix = str(cls.model_config.get("env_prefix", ""))
        for name in cls.model_fields:
            variable = f"{prefix}{name}".upper()
            path = os.environ.get(f"{variable}_FILE")
            if path is None or f"{name}_file" in cls.model_fields:
                continue
            if name in values:
                raise ValueError(f"{variable} and {variable}_FILE are both set")
            try:
                values[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError):
                raise ValueError(f"the file named by {variable}_FILE cannot be read") from None
        if "ZHICHENG_ENVIRONMENT" in os.environ:
            values.setdefault("environment", os.environ["ZHICHENG_ENVIRONMENT"])
        if not values.get("store_url"):
            values["store_url"] = f"sqlite:.local/{cls.service_name() or 'service'}.db"
        return values

    @field_validator("bus_url")
    @classmethod
    def _is_understood(cls, given: SecretStr) -> SecretStr:
        """With its files: a certificate that cannot be read shall end the start, not the first event."""
        url = given.get_secret_value()
        if not url.startswith("local:"):
            address(url)
        return given

    @model_validator(mode="after")
    def _refuse_what_is_unsafe(self) -> Self:
        if self.environment != "production":
            return self
        store = self.store_url.get_secret_value()
        if embedded(store, self.bus_url.get_secret_value()):
            raise ValueError("sqlite: and local: are for development and tests, not for production")
        if self.business_date is not None:
            raise ValueError("business_date stops the clock and is refused in production")
        if self.crash_plan is not None:
            raise ValueError("crash_plan kills the process and is refused in production")
        if self.host not in _LOOPBACK and not self.behind_tls_proxy:
            raise ValueError("credentials travel by HTTP Basic: beyond this machine set behind_tls_proxy")
        if store.startswith(("mongodb:", "mongodb+srv:")) and not majority(store):
            raise ValueError("the MongoDB URL must state w=majority, and no journal=false")
        return self

    def effective(self) -> dict[str, str | int | float | bool | None]:
        """The settings in force, for the log: secrets masked, credentials inside URLs too."""
        shown: dict[str, str | int | float | bool | None] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr) and name.endswith("_url"):
                value = value.get_secret_value()
            shown[name] = _shown(value)
        return shown


def embedded(*urls: str) -> bool:
    """Does any of them pick an adapter of the embedded default?"""
    return any(url.startswith(("sqlite:", "local:")) for url in urls)


def majority(url: str) -> bool:
    """Does a MongoDB URL state w=majority, and nothing that weakens it?"""
    options = {name.lower(): values for name, values in parse_qs(urlsplit(url).query).items()}
    return options.get("w") == ["majority"] and options.get("journal", ["true"]) == ["true"]


def _shown(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    if isinstance(value, dict | list | tuple | set | frozenset):
        return f"{len(value)} entries"  # may hold secrets
    return _PASSWORD_IN_URL.sub("***@", str(value))
