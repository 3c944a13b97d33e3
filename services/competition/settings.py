"""What operators may set."""

from __future__ import annotations

from typing import Self

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.pseudonyms import Pseudonyms
from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="COMPETITION_")

    pseudonym_keys: SecretStr = Field(
        description="p1=<base64>[,p2=...], 32 bytes each, the same as intake's; no default. A person of the register "
        "is met as long as a key it was imported with is here."
    )
    synthetic_rosters: bool = Field(
        False, description="Load the synthetic teams of policy/synthetic for demonstrations. Refused in production."
    )
    sweep_seconds: PositiveFloat = Field(
        5.0, description="How often cases are looked for that have not seen the register's newest version."
    )
    stone_days: int = Field(
        60, ge=60, description="How long the id of an erased case stays; longer than topics and offsets are kept."
    )
    max_body_kb: PositiveInt = Field(4096, description="Larger result files get 413. KiB.")

    @model_validator(mode="after")
    def _check_own(self) -> Self:
        Pseudonyms.parse(self.pseudonym_keys.get_secret_value())
        if self.environment == "production" and self.synthetic_rosters:
            raise ValueError("synthetic_rosters is refused in production")
        return self
