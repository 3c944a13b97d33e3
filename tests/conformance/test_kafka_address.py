"""The URL of a Kafka: what it says, and what it is refused for."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from chassis.bus_kafka.address import address
from tests.servers.certificates import Certificates, certificates


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


def test_without_tls_and_login_it_names_servers() -> None:
    assert address("kafka://one:9092,[::1]:9093/").servers == ("one:9092", "[::1]:9093")


def test_tls_trusts_the_authorities_of_the_system_and_checks_names() -> None:
    where = address("kafka+tls://one:9093")
    assert where.tls is not None
    assert where.tls.verify_mode is ssl.CERT_REQUIRED and where.tls.check_hostname
    assert str(where) == "one:9093 over TLS"


def test_tls_trusts_only_the_authority_that_is_named(made: Certificates) -> None:
    where = address(f"kafka+tls://one:9093?tlsCAFile={made.authority}")
    assert where.tls is not None
    assert [dict(part[0] for part in found["subject"]) for found in where.tls.get_ca_certs()] == [
        {"commonName": "Tests"}
    ]


def test_a_client_may_show_a_certificate(made: Certificates) -> None:
    url = f"kafka+tls://one:9093?tlsCertificateFile={made.client}&tlsKeyFile={made.client_key}"
    assert address(url).mechanism is None


def test_a_login_is_scram_unless_it_says_otherwise_and_is_never_shown() -> None:
    where = address("kafka+tls://intake:s%40f%3A%2Fe@one:9093")
    assert (where.mechanism, where.user, where.password) == ("SCRAM-SHA-512", "intake", "s@f:/e")
    assert "s@f" not in f"{where} {where!r}"
    assert address("kafka+tls://u:p@one:9093?saslMechanism=PLAIN").mechanism == "PLAIN"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("kafka://", "host:port"),
        ("kafka://one", "host:port"),
        ("kafka://one:no", "host:port"),
        ("kafka://one:0", "host:port"),
        ("kafka://one:9092,", "host:port"),
        ("kafka://one:9092/topic", "reads kafka://"),
        ("kafka://[one:9092", "reads kafka://"),
        ("kafka+ssl://one:9092", "reads kafka://"),
        ("kafka://u:geheim@one:9092?saslMechanism=PLAIN", "PLAIN sends the password as it is"),
        ("kafka+tls://u:geheim@one:9093?saslMechanism=GSSAPI", "saslMechanism is one of"),
        ("kafka+tls://one:9093?saslMechanism=PLAIN", "saslMechanism needs a login"),
        ("kafka+tls://geheim@one:9093", "a user and a password"),
        ("kafka+tls://:geheim@one:9093", "a user and a password"),
        ("kafka://one:9092?tlsCAFile=/ca", r"tlsCAFile needs kafka\+tls"),
        ("kafka+tls://one:9093?tlsCAFile=/nowhere", "tlsCAFile cannot be read"),
        ("kafka+tls://one:9093?tlsCAFile=", "options of a Kafka URL"),
        ("kafka+tls://one:9093?tlsInsecure=true", "options of a Kafka URL"),
        ("kafka+tls://u:geheim@one:9093?saslMechanism=PLAIN&saslMechanism=PLAIN", "each once"),
    ],
)
def test_what_is_unsafe_or_unclear_is_refused_and_not_repeated(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        address(url)
    assert "geheim" not in str(refused.value)


def test_files_that_are_no_certificates_are_refused(tmp_path: Path, made: Certificates) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for options, why in (
        (f"tlsCAFile={empty}", "no certificate"),
        (f"tlsCertificateFile={empty}", "open key"),
        (f"tlsCertificateFile={made.client}", "open key"),
        (f"tlsCertificateFile={made.client}&tlsKeyFile={made.locked_key}", "open key"),
        (f"tlsKeyFile={made.client_key}", "tlsKeyFile needs"),
    ):
        with pytest.raises(ValueError, match=why):
            address(f"kafka+tls://one:9093?{options}")
