"""What operators may set for intake."""

from __future__ import annotations

from typing import Self

from pydantic import Field, PositiveFloat, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.sealing import parse_keys
from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="INTAKE_", frozen=True, extra="ignore", hide_input_in_errors=True)

    vault_keys: SecretStr = Field(
        description="Keys that seal filings at rest: k2=<base64>,k1=<base64>; the first is current, all open."
    )
    pseudonym_keys: SecretStr = Field(
        description="Keys of the pseudonyms, the same as competition's: p1=<base64>; the first is current."
    )
    notify_public_keys: SecretStr = Field(
        description="Public keys of notify, for contact data: n1=<base64>; the first seals."
    )
    answer_seconds: PositiveFloat = Field(
        60.0, description="A case without all assessments after this time is asked again, each time twice as late."
    )
    sweep_seconds: PositiveFloat = Field(5.0, description="How often cases that wait too long are looked for.")
    stone_days: int = Field(
        60, ge=60, description="How long an erased case keeps its id and marks; longer than topics keep events."
    )
    synthetic_rounds: bool = Field(False, description="Offer the demonstration's rounds. Refused in production.")

    @field_validator("vault_keys", "pseudonym_keys", "notify_public_keys")
    @classmethod
    def _keys(cls, value: SecretStr) -> SecretStr:
        parse_keys(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _no_synthetic_rounds_in_production(self) -> Self:
        if self.environment == "production" and self.synthetic_rounds:
            raise ValueError("synthetic_rounds are for demonstrations and refused in production")
        return self
