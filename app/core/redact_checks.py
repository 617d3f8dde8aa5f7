"""A match is a candidate: check digits, address syntax and the look of a value decide; None lets it stay."""

from __future__ import annotations

import ipaddress
import re
from re import Match


def bearer(m: Match[str]) -> str | None:
    value = m["value"]
    mixed = value.lower() != value and value[1:].lower() != value[1:]
    looks = any(c.isdigit() for c in value) or value.endswith("=") or mixed or len(value) > 40
    return f"{m['scheme']} [token]" if looks else None


def email(m: Match[str]) -> str | None:
    local, domain = m["local"], m["domain"]
    if local == "git" or domain.rpartition(".")[2].lower() in {
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "js",
        "css",
        "ts",
    }:
        return None
    return "[email]"


def luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    total = 0
    for position, char in enumerate(reversed(digits)):
        value = int(char) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


_ISSUER = re.compile(r"(?:4|5[0-8]|2[2-7]|3[0-9]|6[0-9])")


def card(m: Match[str]) -> str | None:
    digits = re.sub(r"[ -]", "", m[0])
    fits = 13 <= len(digits) <= 19 and _ISSUER.match(digits) and len(set(digits)) > 1
    return "[card]" if fits and luhn(digits) else None


def iban(m: Match[str]) -> str | None:
    raw = m[0].replace(" ", "")
    turned = raw[4:] + raw[:4]
    return "[iban]" if int("".join(str(int(c, 36)) for c in turned)) % 97 == 1 else None


_OURS = tuple(
    ipaddress.ip_network(n)
    for n in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)
"""RFC 1918, 6598, 3927, 4193, 4291; not ``is_private``, which counts the documentation networks too."""


def address(text: str) -> str | None:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    if ip.is_loopback or ip.is_unspecified:
        return None
    return "[private-ip]" if any(ip in net for net in _OURS if net.version == ip.version) else "[ip]"


def ipv4(m: Match[str]) -> str | None:
    """``Chrome/1.2.3.4`` is a version; Java's ``db.internal/10.0.0.5:5432`` is an address."""
    found, text = address(m[0]), m.string
    product = m.start() > 1 and text[m.start() - 1] == "/" and text[m.start() - 2].isalnum()
    port = text[m.end() : m.end() + 1] == ":" and text[m.end() + 1 : m.end() + 2].isdigit()
    return None if product and not port and found != "[private-ip]" else found


def ipv6(m: Match[str]) -> str | None:
    """``Face::Add`` is Ruby and ``12:30:45`` a time: an address has digits and enough groups."""
    text = m[0]
    groups = [g for g in text.split(":") if g]
    if not any(c.isdigit() for c in text) or (len(groups) < 3 and not re.match(r"(?i)2\d|f[cde]", text)):
        return None
    return address(text)


_WORDY = re.compile(r"[A-Za-z]{20}")


def random_looking(m: Match[str]) -> str | None:
    """Forty characters of base64 with all three classes mixed; not a path, not a long camel-case name."""
    text = m[0]
    digits = sum(c.isdigit() for c in text)
    upper, lower = sum(c.isupper() for c in text), sum(c.islower() for c in text)
    random = digits >= 3 and upper >= 4 and lower >= 4 and text.count("/") <= 4 and not _WORDY.search(text)
    return "[token]" if random else None
