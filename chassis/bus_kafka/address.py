"""Where Kafka is and how to speak to it: one URL, as a store has one. Knows no driver, so that settings can ask."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

FORMS = "kafka://host:port[,host:port] or kafka+tls://[user:password@]host:port[,host:port][?tlsCAFile=...]"
SCHEMES = ("kafka", "kafka+tls")
TLS_OPTIONS = ("tlsCAFile", "tlsCertificateFile", "tlsKeyFile")
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


@dataclass(frozen=True, slots=True)
class Address:
    """`tls` None: in the clear. `mechanism` None: without a login."""

    servers: tuple[str, ...]  # host:port
    tls: ssl.SSLContext | None = None
    mechanism: str | None = None
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        """For logs and reports: no login."""
        return ",".join(self.servers) + (" over TLS" if self.tls else "")


def is_kafka(url: str) -> bool:
    return url.partition("://")[0] in SCHEMES


def address(url: str) -> Address:
    """Reads a URL and the files that it names. ValueError, which never quotes it: it may hold a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"a Kafka URL reads {FORMS}") from None
    login, _, hosts = parts.netloc.rpartition("@")
    if parts.scheme not in SCHEMES or parts.path not in ("", "/") or parts.fragment:
        raise ValueError(f"a Kafka URL reads {FORMS}")
    servers = tuple(_server(host) for host in hosts.split(","))
    options = _options(parts)
    tls = _tls(options) if parts.scheme == "kafka+tls" else None
    if tls is None and (named := [name for name in TLS_OPTIONS if name in options]):
        raise ValueError(f"{named[0]} needs kafka+tls://")
    if not login:
        if "saslMechanism" in options:
            raise ValueError("saslMechanism needs a login: user:password@ before the host")
        return Address(servers, tls)
    user, _, password = (unquote(part) for part in login.partition(":"))
    if not user or not password:
        raise ValueError("a login has a user and a password: user:password@ before the host, %40 for @ inside")
    mechanism = options.get("saslMechanism", MECHANISMS[0])
    if mechanism not in MECHANISMS:
        raise ValueError(f"saslMechanism is one of {', '.join(MECHANISMS)}")
    if mechanism == "PLAIN" and tls is None:
        raise ValueError("PLAIN sends the password as it is: it needs kafka+tls://")
    return Address(servers, tls, mechanism, user, password)


def _server(host: str) -> str:
    name, colon, port = host.rpartition(":")
    if not colon or not name or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"each Kafka server is host:port; a Kafka URL reads {FORMS}")
    return host


def _options(parts: SplitResult) -> dict[str, str]:
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(pairs)
    known = (*TLS_OPTIONS, "saslMechanism")
    if len(options) != len(pairs) or any(name not in known or not value for name, value in pairs):
        raise ValueError(f"options of a Kafka URL, each once and with a value: {', '.join(known)}")
    return options


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    """Certificates and host names are always checked, against the authorities of the system unless a file is named."""
    try:
        context = ssl.create_default_context(cafile=_file(options, "tlsCAFile"))
    except ssl.SSLError:
        raise ValueError("the file named by tlsCAFile holds no certificate in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = _file(options, "tlsCertificateFile"), _file(options, "tlsKeyFile")
    if key and not certificate:
        raise ValueError("tlsKeyFile needs tlsCertificateFile")
    if certificate:
        try:
            context.load_cert_chain(certificate, key, password=_no_passphrase)
        except ssl.SSLError:
            raise ValueError("tlsCertificateFile and tlsKeyFile are no certificate with its open key in PEM") from None
    return context


def _file(options: dict[str, str], name: str) -> str | None:
    path = options.get(name)
    if path is None:
        return None
    try:
        with Path(path).open("rb"):
            return path
    except OSError:
        raise ValueError(f"the file named by {name} cannot be read") from None


def _no_passphrase() -> str:
    """Without it OpenSSL would ask at the terminal."""
    return ""
