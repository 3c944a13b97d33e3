"""Sealed values: at rest for the service that wrote them (`Vault`), and on the way for one other service (`Envelope`).

Every sealed value is bound to what it is about (a text such as an id): copied beside another id it does not open.
Keys have short ids and are named in the sealed value, so that a new current key and its predecessors work side by side.
"""

from __future__ import annotations

import argparse
import base64
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

KEY_BYTES = 32
_KEY_ID = re.compile(r"[a-z][a-z0-9]{0,15}")
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class Unreadable(Exception):
    """A sealed value does not open. `code`: malformed, key-unknown, or broken-seal (changed, or about another id)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def parse_keys(text: str) -> dict[str, bytes]:
    """Keys of 32 bytes from "k1=<base64>,k2=<base64>"; the first is the current one.

    ValueError for an empty list, a malformed or repeated id, bad base64 or another length; it never names a value.
    """
    keys: dict[str, bytes] = {}
    for place, part in enumerate(text.split(","), start=1):
        key_id, _, encoded = part.strip().partition("=")
        if not _KEY_ID.fullmatch(key_id):
            raise ValueError(f"key {place}: write id=base64, the id in lower case letters and digits")
        if key_id in keys:
            raise ValueError(f"key {place}: this id is there already")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise ValueError(f"key {place}: not base64") from None
        if len(key) != KEY_BYTES:
            raise ValueError(f"key {place}: {len(key)} bytes long, must be {KEY_BYTES}")
        keys[key_id] = key
    return keys


def format_keys(keys: Mapping[str, bytes]) -> str:
    """The text that `parse_keys` reads."""
    return ",".join(f"{key_id}={_b64(key)}" for key_id, key in keys.items())


def new_key() -> bytes:
    """A fresh random key for a vault or an HMAC."""
    return secrets.token_bytes(KEY_BYTES)


def new_key_pair() -> tuple[bytes, bytes]:
    """(private, public), each 32 bytes, for `Envelope` and `seal_for`."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def public_keys(private_keys: Mapping[str, bytes]) -> dict[str, bytes]:
    """The public half of each key, under the same ids and in the same order."""
    return {
        key_id: X25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
        for key_id, key in private_keys.items()
    }


class Vault:
    """AES-256-GCM for values at rest. The first key seals, all open."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ValueError("a vault needs a key")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = next(iter(keys))

    def seal(self, value: bytes, *, about: str) -> dict[str, str]:
        """{"key": id, "nonce": base64, "sealed": base64}; it opens for the same `about` alone."""
        nonce = secrets.token_bytes(12)
        sealed = self._ciphers[self._current].encrypt(nonce, value, _bound(self._current, about))
        return {"key": self._current, "nonce": _b64(nonce), "sealed": _b64(sealed)}

    def open(self, sealed: Mapping[str, str], *, about: str) -> bytes:
        """The value again. Raises Unreadable."""
        try:
            key_id = sealed["key"]
            nonce = base64.b64decode(sealed["nonce"], validate=True)
            content = base64.b64decode(sealed["sealed"], validate=True)
        except (KeyError, TypeError, ValueError):
            raise Unreadable("malformed") from None
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise Unreadable("key-unknown")
        try:
            return cipher.decrypt(nonce, content, _bound(key_id, about))
        except (InvalidTag, ValueError):
            raise Unreadable("broken-seal") from None


def seal_for(public_keys: Mapping[str, bytes], value: bytes, *, about: str) -> str:
    """Seals for the holder of the private keys (HPKE, RFC 9180), by the first public key: "<key id>.<base64url>"."""
    key_id, key = next(iter(public_keys.items()))
    sealed = _SUITE.encrypt(value, _public_key(key), info=_bound(key_id, about))
    return f"{key_id}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


@cache
def _public_key(key: bytes) -> X25519PublicKey:
    """Of the few keys that the settings name."""
    return X25519PublicKey.from_public_bytes(key)


class Envelope:
    """Opens what `seal_for` sealed, with any of the private keys."""

    def __init__(self, private_keys: Mapping[str, bytes]) -> None:
        self._keys = {key_id: X25519PrivateKey.from_private_bytes(key) for key_id, key in private_keys.items()}

    def open(self, text: str, *, about: str) -> bytes:
        """The value again. Raises Unreadable."""
        key_id, dot, encoded = text.partition(".")
        try:
            sealed = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars="-_", validate=True)
        except ValueError:
            raise Unreadable("malformed") from None
        if not dot:
            raise Unreadable("malformed")
        key = self._keys.get(key_id)
        if key is None:
            raise Unreadable("key-unknown")
        try:
            return bytes(_SUITE.decrypt(sealed, key, info=_bound(key_id, about)))
        except (InvalidTag, ValueError):
            raise Unreadable("broken-seal") from None


def _bound(key_id: str, about: str) -> bytes:
    return f"{key_id}|{about}".encode()


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def new_environment(number: int = 1) -> dict[str, str]:
    """Fresh keys for every setting that holds one, as name -> value; `number` goes into their ids (k1, p1, n1)."""
    private, public = new_key_pair()
    pseudonym = format_keys({f"p{number}": new_key()})
    return {
        "INTAKE_VAULT_KEYS": format_keys({f"k{number}": new_key()}),
        "INTAKE_PSEUDONYM_KEYS": pseudonym,
        "COMPETITION_PSEUDONYM_KEYS": pseudonym,
        "INTAKE_NOTIFY_PUBLIC_KEYS": format_keys({f"n{number}": public}),
        "NOTIFY_PRIVATE_KEYS": format_keys({f"n{number}": private}),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m chassis.sealing", description="Keys for sealed values.")
    commands = parser.add_subparsers(dest="command", required=True)
    new_keys = commands.add_parser(
        "new-keys",
        help="print fresh keys as environment lines",
        description="Prints fresh keys as environment lines, one per setting. Keep them like passwords. To change a "
        "key, put the new one first and keep the old one behind it: NAME=k2=<new>,k1=<old>.",
    )
    new_keys.add_argument(
        "--number", type=int, default=1, help="the number in the ids of the keys (default 1: k1, p1, n1)"
    )
    for name, value in new_environment(parser.parse_args(arguments).number).items():
        sys.stdout.write(f"{name}={value}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
