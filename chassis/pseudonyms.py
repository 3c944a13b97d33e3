"""Names for identity documents that do not give the document away: a keyed hash, one per document and active key.

Two lists of pseudonyms are about the same person when they meet. While a key is being replaced both keys are active, so
a value written under the old one still meets a value written under both.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping

from chassis.sealing import parse_keys

KEY_BYTES = 32


class Pseudonyms:
    """Makes pseudonyms with every active key. `keys`: key id ("p1") -> at least 32 random bytes."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ValueError("pseudonyms need a key")
        short = [key_id for key_id, key in keys.items() if len(key) < KEY_BYTES]
        if short:
            raise ValueError(f"key {short[0]}: shorter than {KEY_BYTES} bytes")
        self._keys = dict(keys)

    @classmethod
    def parse(cls, text: str) -> Pseudonyms:
        """From a setting, "p1=<base64>,p2=<base64>". ValueError never names a key's value."""
        return cls(parse_keys(text))

    @property
    def key_ids(self) -> tuple[str, ...]:
        return tuple(self._keys)

    def of(self, type: str, canonical_number: str) -> list[str]:
        """`<key id>.<base64url HMAC-SHA-256 over "type|canonical number">`, one per key, in the order of the keys.

        The number must be in its canonical form: another spelling gives another pseudonym.
        """
        message = f"{type}|{canonical_number}".encode()
        return [f"{key_id}.{_tag(key, message)}" for key_id, key in self._keys.items()]


def meet(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether two lists of pseudonyms are about the same person."""
    return not set(some).isdisjoint(others)


def _tag(key: bytes, message: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, message, "sha256")).decode().rstrip("=")
