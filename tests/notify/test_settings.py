import pytest
from pydantic import ValidationError

from chassis.sealing import format_keys, new_key_pair
from services.notify.channels import OutboxFolder, Smtp
from services.notify.main import channel
from services.notify.settings import Settings

KEYS = format_keys({"n1": new_key_pair()[0]})
PRODUCTION = {
    "environment": "production",
    "store_url": "mongodb://db/notify?w=majority",
    "bus_url": "kafka://kafka:9092",
    "smtp_url": "smtp://mail.example.org:587",
    "sender": "titles@example.org",
}


def some_settings(**values: object) -> Settings:
    return Settings(**{"private_keys": KEYS, **values})  # type: ignore[arg-type]


def test_there_is_no_default_key(monkeypatch):
    monkeypatch.delenv("NOTIFY_PRIVATE_KEYS", raising=False)

    with pytest.raises(ValidationError, match="private_keys"):
        Settings()


def test_production_takes_what_is_safe():
    assert some_settings(**PRODUCTION).smtp_address == ("mail.example.org", 587)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"private_keys": "n1=c2hvcnQ="}, "5 bytes"),
        ({"smtp_url": "http://mail:25"}, "smtp://host:port"),
        ({"smtp_url": "smtp://mail"}, "smtp://host:port"),
        ({"smtp_url": "smtp://user:hush@mail:25"}, "smtp_user"),
        ({"smtp_user": "notify"}, "go together"),
        ({"lease_seconds": 10}, "lease_seconds"),
        ({"sender": "titles@example.org\r\nBcc: all@example.org"}, "not a mail address"),
        ({"sender_name": "a\r\nBcc: b"}, "one line"),
        ({"stone_days": 30}, "31"),
        ({"attempts": 101}, "less than or equal to 100"),
        ({"retry_factor": 101}, "less than or equal to 100"),
        ({"retry_longest_seconds": 700_000}, "less than or equal to 604800"),
        ({**PRODUCTION, "smtp_url": ""}, "folder"),
        ({**PRODUCTION, "sender": "titles@zhicheng.invalid"}, "sender"),
        ({**PRODUCTION, "smtp_tls": "none", "smtp_user": "notify", "smtp_password": "hush"}, "in clear"),
    ],
)
def test_what_is_unsafe_refuses_to_start_without_showing_a_secret(values, why):
    with pytest.raises(ValidationError, match=why) as refused:
        some_settings(**values)

    assert "hush" not in str(refused.value)
    assert "c2hvcnQ" not in str(refused.value)


def test_the_address_of_a_server_picks_the_channel(tmp_path):
    assert isinstance(channel(some_settings(outbox_dir=tmp_path)), OutboxFolder)
    assert isinstance(channel(some_settings(smtp_url="smtp://127.0.0.1:25", smtp_tls="none")), Smtp)


def test_effective_settings_show_no_secret():
    shown = str(some_settings(smtp_user="notify-user", smtp_password="hush").effective())

    assert "hush" not in shown
    assert "notify-user" not in shown
    assert KEYS not in shown
