"""What secrets and personal data look like in text: one table, applied top to bottom.

Every pattern runs in linear time: it starts only at the left edge of its own alphabet (a look-behind), so a
long run of matching characters is read once, and its repetitions are bounded or cannot overlap.

What stays on purpose: bare hex digests and UUIDs (commits, traces, frames; a secret of that shape goes by
its key), loop-back addresses, ports, version numbers, file paths, ``git@host``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from re import Match, Pattern

from .redact_checks import bearer, card, email, iban, ipv4, ipv6, random_looking

Replace = Callable[[Match[str]], str | None]
"""Gives the replacement, or None where a match turns out to be harmless."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of value; the removal is counted under ``kind``."""

    kind: str
    pattern: Pattern[str]
    replace: Replace


def _always(text: str) -> Replace:
    return lambda _match: text


def _after(group: str, text: str) -> Replace:
    """Keeps the named group before the placeholder."""
    return lambda m: m[group] + text


def _rule(kind: str, put: Replace | str, *pieces: str, flags: int = 0) -> Rule:
    return Rule(kind, re.compile("".join(pieces), flags), _always(put) if isinstance(put, str) else put)


_VENDOR = "|".join(
    (
        r"(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)[A-Z0-9]{12,20}",  # AWS
        r"AIza[\w-]{30,40}",  # Google API
        r"ya29\.[\w-]{10,2048}",
        r"GOCSPX-[\w-]{20,40}",
        r"gh[pousr]_[A-Za-z0-9]{16,255}",
        r"github_pat_\w{20,255}",
        r"gl(?:pat|dt|rt|cbt|ptt|agent|soat)-[\w.-]{16,255}",
        r"xox[abceoprs]-[\w-]{8,255}",
        r"xapp-[\w-]{8,255}",
        r"[srp]k_(?:live|test)_\w{8,255}",
        r"whsec_[\w+/=]{8,255}",
        r"sk-(?:ant|proj|or|svcacct|admin)-[\w-]{8,255}",
        r"sk-[A-Za-z0-9]{16,255}",
        r"sntry[sua]_[\w=+/-]{16,512}",
        r"SG\.[\w-]{16,64}\.[\w-]{16,64}",
        r"key-[0-9a-f]{32}",
        r"hf_[A-Za-z0-9]{20,64}",
        r"npm_[A-Za-z0-9]{30,64}",
        r"pypi-[\w-]{30,512}",
        r"do[opr]_v1_[0-9a-f]{32,128}",
        r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{24,64}",
        r"hv[sbr]\.[\w-]{20,512}",
        r"dckr_pat_[\w-]{16,64}",
        r"lin_(?:api|oauth)_\w{16,128}",
        r"glsa_\w{20,128}",
        r"(?:xai|gsk|nvapi|pplx|r8)[-_][\w-]{20,255}",
        r"sq0(?:atp|csp|idp)-[\w-]{16,64}",
        r"EAA[A-Za-z0-9]{30,512}",
        r"(?:AC|SK)[0-9a-f]{32}",  # Twilio
        r"\d{8,10}:AA[\w-]{30,40}",  # Telegram
        r"[MNO][A-Za-z\d]{23,25}\.[\w-]{6}\.[\w-]{27,40}",  # Discord
        r"AGE-SECRET-KEY-1[A-Z0-9]{50,64}",
        r"ops_eyJ[\w-]{20,4096}",
    )
)


_LETTER = r"[^\s@<>\"'(),;:\[\]/\\={}|&?]"
_LABEL = r"[^\s@<>\"'(),;:\[\]/\\={}|&?.!]"
"""By what may not stand in an address, because ``\\w`` knows no Thai vowel signs."""

_PHONE = (
    r"(?<![\w+.:/-])(?:"
    r"\+\d{1,3}(?:[ .()-]{1,2}\d{1,4}){2,6}|\+\d{8,15}"
    r"|\(\d{2,4}\) ?\d{3,4}[ -]\d{3,4}|0\d{1,2}[ -]\d{3,4}[ -]\d{3,4}|0[689]\d{8}"
    r"|(?:1-)?[2-9]\d{2}(?P<gap>[.-])[2-9]\d{2}(?P=gap)\d{4}|00\d{10,13}"
    r")(?![\w]|[.-]\d)"
)
_URL = r"(?P<head>://(?:[^\s?#\"'<>:]|:(?!//)){1,2048}+)"
_KEY = r"-----{} [A-Z ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----"

RULES: tuple[Rule, ...] = (
    _rule(
        "private-key",
        "[private-key]",
        _KEY.format("BEGIN"),
        ".*?(?:",
        _KEY.format("END"),
        r"|\Z)",
        flags=re.S,
    ),
    _rule(
        "auth-header",
        _after("head", "[auth-header]"),
        r"(?<![\w-])(?P<head>(?:(?:proxy-)?authorization|x-sentry-auth)[\"']?\s{0,3}[:=]\s{0,3}[\"']?)",
        r"(?!\[)[^\s\"'\r\n][^\"'\r\n]{3,4000}",
        flags=re.I,
    ),
    _rule(
        "cookie",
        _after("head", "[cookie]"),
        r"(?<![\w-])(?P<head>(?:set-)?cookies?[\"']?\s{0,3}[:=]\s{0,3}[\"']?)",
        r"(?!\[)[\w.-]{1,80}=[^\"'\r\n]{1,4000}",
        flags=re.I,
    ),
    _rule(
        "credentials",
        _after("head", "[credentials]@"),
        r"(?P<head>(?<![A-Za-z0-9+.-])(?!https?:)[A-Za-z][A-Za-z0-9+.-]{1,30}://)",
        r"[^\s/:@\"'<>]{0,128}+:(?:[^\s@\"'<>:]|:(?!//)){1,256}+@(?:[^\s@/\"'<>]{1,64}@)?",
    ),
    _rule(
        "credentials",
        _after("head", "[credentials]@"),
        r"(?P<head>(?<!:)://)[^\s/\"'<>?#]{1,512}@(?=[\w\[])",
    ),
    _rule(
        "credentials",
        "[credentials]@",
        r"(?<![\w.%-])[\w.%-]{1,64}:[^\s:@/\"']{1,128}@(?=(?:tcp|udp|unix)\()",
    ),
    _rule(
        "credentials",
        _after("head", "[credentials]"),
        r"(?P<head>(?<!\S)(?:-u|--user|--proxy-user)[ =]{1,2})[^\s:\"']{1,128}:[^\s\"']{1,128}",
    ),
    _rule(
        "webhook-url",
        _after("head", "[token]"),
        r"(?P<head>hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/",
        r"|webhook\.office\.com/)[\w/@.-]{8,512}",
    ),
    _rule("url-query", _after("head", "?[query]"), _URL, r"\?[^\s\"'<>\\)]{1,8192}"),
    _rule("url-query", "?[query]", r"(?<=[\w/.-])\?[\w.\[\]%~-]{1,64}=[^\s\"'<>\\)]{0,8192}"),
    _rule("url-fragment", _after("head", "#[fragment]"), _URL, r"#[^\s\"'<>\\)]{1,8192}"),
    _rule("token", "[token]", rf"(?<![A-Za-z0-9])(?:{_VENDOR})(?![A-Za-z0-9])"),
    _rule("jwt", "[jwt]", r"(?<![\w.-])eyJ[\w-]{8,8192}(?:\.[\w-]{0,8192}){1,4}"),
    _rule(
        "token",
        bearer,
        r"(?<![\w-])(?P<scheme>bearer|basic|digest|negotiate|apikey)\s{1,3}",
        r"(?P<value>[A-Za-z0-9._~+/-]{8,4096}={0,2})",
        flags=re.I,
    ),
)
"""First what has a shape of its own, before keys are looked at."""

AFTER_KEYS: tuple[Rule, ...] = (
    _rule(
        "email",
        email,
        rf"(?<!{_LETTER})(?P<local>{_LETTER}{{1,256}}?)(?:@|%40)",
        rf"(?P<domain>(?:{_LABEL}{{1,63}}+\.){{1,8}}(?!\d){_LABEL}{{2,24}}+)",
    ),
    _rule(
        "iban",
        iban,
        r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])",
    ),
    _rule("card", card, r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w]|[.-]\d)"),
    _rule(
        "national-id", "[national-id]", r"(?<![\w-])(?:\d{3}-\d{2}-\d{4}|\d-\d{4}-\d{5}-\d{2}-\d)(?![\w-])"
    ),
    _rule("phone", "[phone]", _PHONE),
    _rule("mac", "[mac]", r"(?<![\w:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![\w:-])"),
    _rule(
        "ip",
        ipv4,
        r"(?<![\w.+-])(?<!==)(?<!@)(?<!version )(?<!Version )",
        r"(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d|-\w)",
    ),
    _rule(
        "ip",
        ipv6,
        r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])",
    ),
    _rule("token", random_looking, r"(?<![\w/+=.-])[A-Za-z0-9+/_-]{40,4096}={0,2}(?![\w/+-])"),
)
"""What needs the keys gone first: a phone number may be the value of ``token=``."""
