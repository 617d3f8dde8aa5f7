"""Which key names hold a secret or a person's data: decided word by word, never by substring.

``author`` is not ``auth`` and ``tokenizer`` is not ``token``; ``x-api-key``, ``apiKey`` and ``API_KEY`` are
one name, and ``STRIPE_API_KEY`` holds it.
"""

from __future__ import annotations

import re
from functools import lru_cache

SENTRY_DENYLIST = (
    "password", "passwd", "secret", "api_key", "apikey", "auth", "credentials", "mysql_pwd", "privatekey",
    "private_key", "token", "session", "csrftoken", "sessionid", "x_csrftoken", "x_forwarded_for",
    "set_cookie", "cookie", "authorization", "proxy-authorization", "x_api_key", "aiohttp_session",
    "connect.sid", "csrf_token", "csrf", "_csrf", "_csrf_token", "PHPSESSID", "_session", "symfony",
    "user_session", "_xsrf", "XSRF-TOKEN",
)  # fmt: skip
"""``DEFAULT_DENYLIST`` of ``sentry_sdk.scrubber`` 2.75.0 (MIT licence, Functional Software, Inc.)."""

SENTRY_PII_DENYLIST = ("x_forwarded_for", "x_real_ip", "ip_address", "remote_addr")
"""``DEFAULT_PII_DENYLIST`` of the same module."""

_MORE_SECRETS = (
    "pwd", "pass", "passphrase", "passcode", "otp", "pin_code", "cookies", "tokens", "secrets",
    "credential", "passwords", "jwt", "bearer", "access_key", "access_key_id", "secret_key",
    "secret_access_key", "account_key", "shared_access_key", "shared_access_signature", "signing_key",
    "encryption_key", "master_key", "ssh_key", "client_secret", "refresh_token", "id_token", "license_key",
    "connection_string", "webhook_secret", "security_code", "xsrf", "sid", "jsessionid", "sas", "hmac",
    "salt", "apitoken", "accesstoken", "authtoken", "dsn_secret",
)  # fmt: skip

_PERSONAL = (
    "email", "emails", "e_mail", "email_address", "phone", "phone_number", "mobile", "mobile_number",
    "msisdn", "ssn", "social_security_number", "first_name", "last_name", "full_name", "given_name",
    "family_name", "surname", "username", "user_name", "date_of_birth", "birth_date", "birthday", "dob",
    "passport", "passport_number", "national_id", "citizen_id", "tax_id", "credit_card", "card_number",
    "cardnumber", "cvv", "cvc", "iban", "client_ip", "user_ip", "cf_connecting_ip", "true_client_ip",
    "street_address", "postal_address", "home_address",
)  # fmt: skip

_HARMLESS_LAST = frozenset((
    "algorithm", "backend", "bytes", "class", "count", "driver", "enabled", "endpoint", "engine", "error",
    "errors", "expired", "expires", "expiry", "field", "format", "handler", "invalid", "kind", "len",
    "length", "limit", "method", "middleware", "missing", "mode", "module", "name", "policy", "provider",
    "required", "rules", "scheme", "size", "state", "status", "strategy", "timeout", "ttl", "type", "types",
    "uri", "url", "valid", "validator", "version", "hint", "max", "min",
    "detected", "failed", "failure", "mismatch", "store",
))  # fmt: skip
"""``token_count``, ``auth_method``, ``session_timeout``: about the secret, not the secret."""

_COUNTED = {(w,) for w in ("max", "min", "total", "prompt", "completion", "input", "output", "num", "cached")}
"""``max_tokens`` is a number of a language model's, not a credential."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")


def _words(key: str) -> tuple[str, ...]:
    return tuple(w.lower() for w in _WORD.findall(key[:128]))


def _index(names: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    return frozenset(_words(n) for n in names) | frozenset((n.lower(),) for n in names if n.isalnum())


_SECRET = _index(SENTRY_DENYLIST + _MORE_SECRETS)
_PERSON = _index(SENTRY_PII_DENYLIST + _PERSONAL)
_MOST_WORDS = max(len(n) for n in _SECRET | _PERSON)


def _within(words: tuple[str, ...], names: frozenset[tuple[str, ...]]) -> bool:
    return any(
        words[start : start + size] in names
        for size in range(1, _MOST_WORDS + 1)
        for start in range(len(words) - size + 1)
    )


@lru_cache(maxsize=4096)
def key_kind(key: str) -> str | None:
    """``secret``, ``personal``, or None for a key whose value may stay."""
    words = _words(key)
    if words[:1] in _COUNTED and words[-1] == "tokens":
        return None
    if not words or words[-1] in _HARMLESS_LAST:
        whole = key.lower() in {"user_name", "username", "first_name", "last_name", "full_name"}
        return "personal" if whole or words[-2:] in _PERSON else None
    if _within(words, _SECRET):
        return "secret"
    return "personal" if _within(words, _PERSON) else None
