"""What came from an event is kept encrypted: Fernet with several keys, so that keys can be rotated."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import UserError


class Vault:
    """Encrypts JSON values; the first key encrypts, every key decrypts."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise UserError(
                "TRIAGE_ENCRYPTION_KEY is not a Fernet key (32 bytes, URL-safe base64).",
                hint="Make one: python -c 'from cryptography.fernet import Fernet; "
                "print(Fernet.generate_key().decode())'",
            ) from None

    def seal(self, value: Any) -> bytes:
        """``value`` (anything JSON can say), compact and encrypted."""
        return self._fernet.encrypt(json.dumps(value, separators=(",", ":")).encode())

    def open(self, sealed: bytes | None) -> Any:
        """The value again; ``None`` for nothing and for what no key opens (its key was retired)."""
        if sealed is None:
            return None
        try:
            return json.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            return None

    def rotate(self, sealed: bytes) -> bytes | None:
        """The same under the newest key; ``None`` where no key opens it."""
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken:
            return None


def derived_key(secret: str) -> str:
    """A Fernet key from a client secret (HKDF-SHA256), for those who set no key of their own."""
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"sentry-triage payloads at rest")
    return base64.urlsafe_b64encode(hkdf.derive(secret.encode())).decode()


def vault_for(keys: Sequence[str], client_secrets: Sequence[str]) -> Vault:
    """The vault by settings: the team's keys first, then what the client secrets give."""
    return Vault([*keys, *(derived_key(secret) for secret in client_secrets)])
