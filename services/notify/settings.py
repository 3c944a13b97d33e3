"""What operators of notify may set (NOTIFY_*)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.sealing import parse_keys
from chassis.settings import ServiceSettings
from services.notify.mail import checked_address


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="NOTIFY_", frozen=True)

    port: int = Field(8004, ge=0, le=65535, description="Port of the HTTP server; 0 takes a free one.")
    private_keys: SecretStr = Field(
        description="Keys that open the applicants' sealed contacts: n1=<base64>[,n0=<base64>], the current one first. "
        "Intake has the public ones. `python -m chassis.sealing new-keys` makes both."
    )
    sending: Literal["on", "held"] = Field(
        "on", description="held: messages are made and queued, and none goes out until a start with `on`."
    )
    smtp_url: str = Field("", description="smtp://host:port. Empty: mail goes to outbox_dir; refused in production.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls: demanded before anything is said; tls: from the first byte; none: in clear."
    )
    smtp_ca_file: Path | None = Field(None, description="CA certificates of the mail server, when not the system's.")
    smtp_user: SecretStr = Field(SecretStr(""), description="Login at the mail server; empty: none.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Its password.")
    smtp_seconds: PositiveFloat = Field(20.0, description="Time for one mail, connecting included.")
    smtp_connections: PositiveInt = Field(4, le=64, description="Mails on their way at once, each on its connection.")
    outbox_dir: Path = Field(Path(".local/outbox"), description="Where mail goes without smtp_url, one file each.")
    sender: str = Field(
        "titles@zhicheng.invalid", description="Address that mail comes from; its domain ends Message-IDs."
    )
    sender_name: str = Field("职称申报 Professional titles", description="Name shown beside it.")
    office: str = Field(
        "", description="A line at the end of each message that says where else to turn, for example a phone number."
    )
    attempts: PositiveInt = Field(
        8, le=100, description="Attempts before a message waits for a person, after four to five hours."
    )
    retry_seconds: PositiveFloat = Field(
        30.0, description="Pause before the third attempt, moved by up to a fifth; the second follows at once."
    )
    retry_factor: float = Field(4.0, ge=1, le=100, description="Each further pause is longer by this factor.")
    retry_longest_seconds: PositiveFloat = Field(
        7200.0, le=604_800, description="No pause is longer, save by that fifth; a week at most."
    )
    lease_seconds: PositiveFloat = Field(
        60.0, description="A message in the hands of a process that died is free again after this time."
    )
    sweep_seconds: PositiveFloat = Field(0.2, description="How often due messages are looked for.")
    stone_days: int = Field(60, ge=31, description="Days that the stone of an erased case stays; longer than topics.")

    @field_validator("private_keys")
    @classmethod
    def _keys(cls, given: SecretStr) -> SecretStr:
        parse_keys(given.get_secret_value())
        return given

    @field_validator("sender")
    @classmethod
    def _sender(cls, given: str) -> str:
        return checked_address(given)

    @field_validator("sender_name", "office")
    @classmethod
    def _one_line(cls, given: str) -> str:
        if not given.isprintable():
            raise ValueError("one line without control characters")
        return given

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url(cls, given: str) -> str:
        if given:
            url = urlsplit(given)
            if url.scheme != "smtp" or not url.hostname or url.port is None or url.path not in ("", "/"):
                raise ValueError("write smtp://host:port")
            if url.username or url.password:
                raise ValueError("the login goes into smtp_user and smtp_password")
        return given

    @model_validator(mode="after")
    def _mail_is_safe(self) -> Self:
        if self.lease_seconds < 2 * self.smtp_seconds:  # a mail begins within the first half and ends by the second
            raise ValueError("lease_seconds must be at least twice smtp_seconds")
        if bool(self.smtp_user.get_secret_value()) != bool(self.smtp_password.get_secret_value()):
            raise ValueError("smtp_user and smtp_password go together")
        if self.environment == "production":
            if not self.smtp_url:
                raise ValueError("without smtp_url mail goes to a folder; refused in production")
            if self.smtp_tls == "none" and self.smtp_user.get_secret_value():
                raise ValueError("a login in clear is refused in production: set smtp_tls")
            if self.sender.endswith(".invalid"):
                raise ValueError("sender must be an address that exists")
        return self

    @property
    def smtp_address(self) -> tuple[str, int]:
        """Host and port of smtp_url."""
        url = urlsplit(self.smtp_url)
        return url.hostname or "", url.port or 0
