"""Checks through the public address, as Sentry would come: signed, and with one second to answer."""

from __future__ import annotations

import json
import secrets
import time
from statistics import median
from urllib.parse import urlencode

from app.core.webhook import APP_SIGNATURE, HOOK_SIGNATURE, sign
from app.sentry.errors import Unreachable
from app.services import find_installation

from .clinic import Clinic
from .registry import Finding, check, fail, ok, skip, warn

RESOURCE = "doctor"
"""A resource that nobody registered for: it is verified, counted and ignored."""

LIMIT = 1.0
"""Seconds that Sentry waits."""

TIMES = 5


@check("public-url", needs=["settings"])
def public_url(clinic: Clinic) -> Finding:
    """TRIAGE_PUBLIC_URL is us."""
    url = clinic.settings.triage_public_url
    if not url:
        return fail(
            "TRIAGE_PUBLIC_URL is not set: links in Sentry have nowhere to go",
            "Set it to the address that Sentry reaches us at, as in the integration's Webhook URL.",
        )
    try:
        answer = clinic.ask("GET", "/health", {})
    except Unreachable as error:
        return fail(f"{url} does not answer: {error}", "Is `web` running, and does the proxy point to it?")
    try:
        known = json.loads(answer.body).get("status") == "ok"
    except (ValueError, AttributeError):
        known = False
    if answer.status != 200 or not known:
        return fail(f"{url}/health answered {answer.status}, not as we do", "Check TRIAGE_PUBLIC_URL.")
    return ok(url)


@check("client-secret", needs=["public-url"])
def client_secret(clinic: Clinic) -> Finding:
    """A signed webhook is taken, a wrongly signed one is refused."""
    answer = _hook(clinic, clinic.settings.client_secrets[0])
    if answer != 202:
        return fail(
            f"a webhook signed with SENTRY_CLIENT_SECRET was answered {answer}, not 202",
            "The running web process has another secret, or something before it changes the body.",
        )
    refused = _hook(clinic, secrets.token_hex(32))
    if refused != 401:
        return fail(
            f"a wrongly signed webhook was answered {refused}, not 401",
            "Something else answers at this address: check TRIAGE_PUBLIC_URL.",
        )
    return ok("signed is taken (202), wrongly signed is refused (401)")


@check("one-second", needs=["client-secret"])
def one_second(clinic: Clinic) -> Finding:
    """Sentry's webhooks are answered well within its second."""
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        _hook(clinic, clinic.settings.client_secrets[0])
        times.append(time.perf_counter() - began)
    middle, worst = median(times), max(times)
    seen = f"{middle * 1000:.0f} ms in the middle, {worst * 1000:.0f} ms at worst"
    if middle > LIMIT:
        return fail(
            seen, "Sentry gives up after 1 s and never repeats: more web processes, or a nearer place."
        )
    if worst > LIMIT / 2:
        return warn(seen, "Sentry gives up after 1 s: more web processes, or a nearer place.")
    return ok(seen)


@check("components", needs=["client-secret", "token"])
def components(clinic: Clinic) -> Finding:
    """The choices of the form on Sentry's issue page are answered."""
    installation = find_installation(clinic.client.installations(), clinic.settings)
    project = str(clinic.projects[0]["slug"]) if clinic.projects else ""
    query = urlencode({"installationId": installation.uuid if installation else "", "projectSlug": project})
    signed = {APP_SIGNATURE: sign(clinic.settings.client_secrets[0], b"")}
    answer = clinic.ask("GET", f"/components/options?{query}", signed)
    if answer.status == 404:
        return skip("this version has no form")
    if answer.status != 200:
        return fail(
            f"/components/options answered {answer.status}",
            "Does the proxy pass the header Sentry-App-Signature and the path /components on?",
        )
    return ok(f"{len(json.loads(answer.body))} choices")


def _hook(clinic: Clinic, secret: str) -> int:
    body = json.dumps({"action": "ping", "data": {}, "nonce": secrets.token_hex(8)}).encode()
    headers = {
        "Content-Type": "application/json",
        "Sentry-Hook-Resource": RESOURCE,
        HOOK_SIGNATURE: sign(secret, body),
    }
    return clinic.ask("POST", "/webhooks/sentry", headers, body).status
