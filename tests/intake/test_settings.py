"""What refuses the start of intake, and what a refusal does not show."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chassis import sealing
from services.intake.settings import Settings

KEYS = sealing.new_environment()
SAFE: dict[str, Any] = {
    "environment": "production",
    "store_url": "mongodb://db/intake?w=majority",
    "bus_url": "kafka://kafka:9092",
    "vault_keys": KEYS["INTAKE_VAULT_KEYS"],
    "pseudonym_keys": KEYS["INTAKE_PSEUDONYM_KEYS"],
    "notify_public_keys": KEYS["INTAKE_NOTIFY_PUBLIC_KEYS"],
}


def test_safe_settings_start() -> None:
    assert Settings(**SAFE).environment == "production"


@pytest.mark.parametrize(
    ("unsafe", "why"),
    [
        ({"business_date": date(2024, 6, 1)}, "business_date"),
        ({"synthetic_rounds": True}, "synthetic_rounds"),
        ({"stone_days": 59}, "60"),  # offsets are kept so long
        ({"store_url": "sqlite:here.db"}, "sqlite"),
        ({"bus_url": "local:here.db"}, "local"),
        ({"host": "0.0.0.0"}, "behind_tls_proxy"),
    ],
)
def test_what_is_unsafe_refuses_to_start_in_production(unsafe: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings(**(SAFE | unsafe))


@pytest.mark.parametrize("name", ["vault_keys", "pseudonym_keys", "notify_public_keys"])
def test_there_is_no_default_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"INTAKE_{name.upper()}", raising=False)
    with pytest.raises(ValidationError, match="required"):
        Settings(**{key: value for key, value in SAFE.items() if key != name})
    with pytest.raises(ValidationError, match="key 1"):
        Settings(**(SAFE | {name: "k1="}))


def test_a_process_that_refuses_its_settings_names_them_and_shows_no_value(tmp_path: Path) -> None:
    secret = "c2VjcmV0LW9mLW91cnM"
    environment = {
        **os.environ,
        "INTAKE_VAULT_KEYS": f"k1={secret}",
        "INTAKE_PORT": "7secret7",
        "INTAKE_BUSINESS_DATE": "secretday",
        "INTAKE_ENVIRONMENT": "secretplace",
    }
    started = subprocess.run(
        [sys.executable, "-m", "services.intake.main"],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        timeout=240,
    )
    told = (started.stdout + started.stderr).decode()
    assert started.returncode == 2
    for name in ("vault_keys", "pseudonym_keys", "port", "business_date", "environment"):
        assert name in told
    assert "secret" not in told
    assert secret not in told
