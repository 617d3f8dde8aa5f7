"""Whether Sentry can call us at an address, as far as the address itself tells."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

SAAS = "sentry.io"
_LOCAL_NAMES = ("localhost", ".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test")

TUNNEL = "Publish it with a tunnel (cloudflared, ngrok, tailscale funnel) or behind a reverse proxy."
DISALLOWED = (
    "Self-hosted Sentry refuses to call networks that SENTRY_DISALLOWED_IPS names: in sentry.conf.py set it "
    "to a list without this network, and restart Sentry's workers."
)


def is_saas(sentry_url: str) -> bool:
    """True for sentry.io in any of its regions."""
    host = urlsplit(sentry_url).hostname or ""
    return host == SAAS or host.endswith(f".{SAAS}")


def region(sentry_url: str) -> str:
    """``us``, ``de``, ``sentry.io`` (which passes on to the region) or ``self-hosted``."""
    if not is_saas(sentry_url):
        return "self-hosted"
    first = (urlsplit(sentry_url).hostname or "").partition(".")[0]
    return first if first in {"us", "de"} else SAAS


def check_address(url: str) -> str:
    """Why this cannot be our public address, empty where it can."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "it must be like https://triage.example.com"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "it must have no path: Sentry calls the issue form at the root of this host"
    return "it must not hold a password" if parts.username or parts.password else ""


def reachable(url: str, sentry_url: str) -> tuple[bool, str]:
    """False where this Sentry certainly cannot call us; the reason, or a warning, or nothing to say."""
    host = urlsplit(url).hostname or ""
    if is_private(host):
        if is_saas(sentry_url):
            return False, f"{host} cannot be reached from Sentry's cloud. {TUNNEL}"
        return True, f"{host} is a private address. {DISALLOWED}"
    if url.startswith("http://"):
        return True, "Webhooks tell of your errors: use https, also inside your own network."
    return True, ""


def is_private(host: str) -> bool:
    """True for loopback, private and link-local addresses and for names that mean one."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith(_LOCAL_NAMES) or "." not in host
