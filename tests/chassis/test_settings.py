from __future__ import annotations

import pytest
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings, majority

SAFE = {
    "environment": "production",
    "store_url": "mongodb://u:geheim@db/demo?w=majority",
    "bus_url": "kafka://kafka:9092",
}


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="DEMO_", frozen=True, extra="ignore", hide_input_in_errors=True)

    seal_key: SecretStr = Field(SecretStr(""), description="A secret.")
    keys: dict[str, SecretStr] = Field({}, description="Secrets by name.")


def test_a_service_stores_in_its_own_file_unless_it_is_told_where(monkeypatch):
    assert Settings().store_url.get_secret_value() == "sqlite:.local/demo.db"
    monkeypatch.setenv("DEMO_STORE_URL", "sqlite:/tmp/other.db")
    assert Settings().store_url.get_secret_value() == "sqlite:/tmp/other.db"


def test_one_variable_sets_the_environment_of_all_services(monkeypatch):
    monkeypatch.setenv("ZHICHENG_ENVIRONMENT", "test")
    assert Settings().environment == "test"
    monkeypatch.setenv("DEMO_ENVIRONMENT", "development")
    assert Settings().environment == "development"


def test_safe_settings_start_in_production():
    assert Settings(**SAFE).environment == "production"


@pytest.mark.parametrize(
    ("unsafe", "why"),
    [
        ({"store_url": "sqlite:demo.db"}, "sqlite: and local:"),
        ({"bus_url": "local:bus.db"}, "sqlite: and local:"),
        ({"business_date": "2024-06-01"}, "business_date"),
        ({"crash_plan": "plan"}, "crash_plan"),
        ({"host": "0.0.0.0"}, "behind_tls_proxy"),
        ({"store_url": "mongodb://db/demo"}, "w=majority"),
        ({"store_url": "mongodb://db/demo?w=1"}, "w=majority"),
        ({"store_url": "mongodb://db/demo?w=0"}, "w=majority"),
        ({"store_url": "mongodb://db/demo?w=majority&w=0"}, "w=majority"),
        ({"store_url": "mongodb://db/demo?w=majority&journal=false"}, "journal"),
    ],
)
def test_what_is_unsafe_refuses_to_start_in_production(unsafe, why):
    with pytest.raises(ValidationError, match=why):
        Settings(**{**SAFE, **unsafe})
    Settings(**{**SAFE, **unsafe, "environment": "test"})


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize("url", ["kafka://kafka", "amqp://kafka:1", "kafka+tls://kafka:9093?tlsCAFile=/nowhere"])
def test_a_bus_that_cannot_be_spoken_to_refuses_to_start_everywhere(environment, url):
    with pytest.raises(ValidationError, match="bus_url"):
        Settings(**{**SAFE, "environment": environment, "bus_url": url})


def test_listening_beyond_this_machine_needs_a_proxy_that_speaks_tls():
    assert Settings(**SAFE, host="0.0.0.0", behind_tls_proxy=True).host == "0.0.0.0"


def test_options_of_a_url_are_read_whatever_their_case():
    assert majority("mongodb://a,b/x?retryWrites=true&W=majority")


def test_a_refusal_does_not_show_the_value():
    with pytest.raises(ValidationError) as refused:
        Settings(port="geheim")
    assert "geheim" not in str(refused.value)


def test_any_setting_may_come_from_a_file(tmp_path, monkeypatch):
    (tmp_path / "key").write_text("s3cret\n")
    monkeypatch.setenv("DEMO_SEAL_KEY_FILE", str(tmp_path / "key"))

    assert Settings().seal_key.get_secret_value() == "s3cret"

    monkeypatch.setenv("DEMO_SEAL_KEY", "other")
    with pytest.raises(ValidationError, match="both set"):
        Settings()


def test_a_secret_file_that_cannot_be_read_refuses_the_start(tmp_path, monkeypatch):
    monkeypatch.setenv("DEMO_SEAL_KEY_FILE", str(tmp_path / "nothing"))
    with pytest.raises(ValidationError, match="DEMO_SEAL_KEY_FILE cannot be read"):
        Settings()


def test_the_callers_file_is_a_setting_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DEMO_CALLERS_FILE", str(tmp_path / "callers.json"))
    assert Settings().callers_file == tmp_path / "callers.json"


def test_effective_settings_show_no_secret():
    settings = Settings(**SAFE | {"bus_url": "kafka://u:geheim@kafka:9092"}, seal_key="geheim", keys={"k1": "geheim"})

    shown = settings.effective()

    assert "geheim" not in f"{shown} {settings!r}"
    assert shown["store_url"] == "mongodb://***@db/demo?w=majority"
    assert shown["bus_url"] == "kafka://***@kafka:9092"
    assert (shown["seal_key"], shown["keys"], shown["port"]) == ("***", "1 entries", 8000)


def test_every_setting_is_described():
    assert [name for name, field in ServiceSettings.model_fields.items() if not field.description] == []


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        Settings().port = 1
