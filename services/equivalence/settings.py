"""What operators of the equivalence service may set."""

from pydantic import Field, PositiveInt
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="EQUIVALENCE_")

    port: int = Field(8002, ge=0, le=65535, description="Port of the HTTP server; 0 takes a free one.")
    stone_days: PositiveInt = Field(
        60,
        ge=60,
        description="Days that the stone of an ended case is kept: longer than topics and committed offsets live.",
    )
