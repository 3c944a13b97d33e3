"""Certificates for servers of the tests' own: an authority, a server at 127.0.0.1 and a client."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTS = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


@dataclass(frozen=True)
class Certificates:
    """PEM files. `server`: key and certificate in one, as Kafka and MongoDB read them."""

    authority: Path
    other_authority: Path  # signed none of them
    server: Path
    client: Path
    client_key: Path
    locked_key: Path  # of the client, behind a passphrase


def certificates(folder: Path) -> Certificates:
    root, root_key = _certificate("Tests")
    other, _ = _certificate("Others")
    server, server_key = _certificate("127.0.0.1", (root, root_key))
    client, client_key = _certificate("client", (root, root_key))
    made = Certificates(
        *(folder / f"{name}.pem" for name in ("authority", "other", "server", "client", "client-key", "locked-key"))
    )
    made.authority.write_bytes(_pem(root))
    made.other_authority.write_bytes(_pem(other))
    made.server.write_bytes(_key(server_key) + _pem(server))
    made.client.write_bytes(_pem(client))
    made.client_key.write_bytes(_key(client_key))
    made.locked_key.write_bytes(_key(client_key, serialization.BestAvailableEncryption(b"passphrase")))
    return made


def _certificate(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Signed by `issuer`, else an authority that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signing = issuer[1] if issuer else key
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .add_extension(_usage(authority=issuer is None), critical=True)
    )
    if issuer:
        built = built.add_extension(x509.SubjectAlternativeName(HOSTS), critical=False)
    return built.sign(signing, hashes.SHA256()), key


def _usage(*, authority: bool) -> x509.KeyUsage:
    """Python 3.13 checks it."""
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key(key: ec.EllipticCurvePrivateKey, lock: serialization.KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock or serialization.NoEncryption()
    )
