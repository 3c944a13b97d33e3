"""What is personal in a filing, out of sight: sealed at rest, sealed for notify, and pseudonyms for matching."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.pseudonyms import Pseudonyms
from chassis.sealing import Vault, seal_for
from contracts.canonical import canonical_json
from contracts.identity import canonical
from services.intake.filing import IdentityDocument


class Sealer:
    """Holds intake's keys. `notify_keys`: public keys of notify, current first."""

    def __init__(self, vault: Vault, pseudonym_keys: Mapping[str, bytes], notify_keys: Mapping[str, bytes]) -> None:
        self._vault = vault
        self._pseudonyms = Pseudonyms(pseudonym_keys)
        self._digest_keys = dict(pseudonym_keys)
        self._notify_keys = notify_keys

    def seal(self, case_id: str, filing: bytes) -> dict[str, str]:
        return self._vault.seal(filing, about=case_id)

    def open(self, case_id: str, sealed: Mapping[str, str]) -> bytes:
        """The filing as it was filed, JSON. Not checked again: it may be older than a rule of today."""
        return self._vault.open(sealed, about=case_id)

    def contact(self, case_id: str, revision: int, contact: Mapping[str, Any]) -> str:
        """For notify alone; it opens for this case and revision only. `contact`: as it stands in a filing."""
        value = {name: contact.get(name) for name in ("email", "phone", "language")}
        return seal_for(self._notify_keys, canonical_json(value), about=f"{case_id}/{revision}")

    def person(self, documents: Sequence[IdentityDocument]) -> list[str]:
        """A pseudonym per identity document and active key, sorted, each once."""
        names: set[str] = set()
        for document in documents:
            names.update(self._pseudonyms.of(document.type, canonical(document.type, document.number)))
        return sorted(names)

    def body_digests(self, body: Any) -> list[str]:
        """The digest of a body (plain JSON, as it was sent) under each active key, current first.

        Keyed, because a filing can be guessed.
        """
        content = canonical_json(body)
        return [
            f"{key_id}:{hmac.new(key, b'body|' + content, hashlib.sha256).hexdigest()}"
            for key_id, key in self._digest_keys.items()
        ]
