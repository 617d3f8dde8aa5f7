"""Checks of what Sentry lets us do. They read; the one PUT goes to an issue that cannot exist."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

from app.errors import TriageError
from app.reporting import own_dsn
from app.sentry.errors import BadRequest, Forbidden, NotFound, Redirected, Unauthorized, Unreachable
from app.sentry.ingest import check_dsn, ingest_hosts
from app.services import find_installation

from .clinic import Clinic
from .registry import Finding, check, fail, ok, skip, warn

PERMISSIONS = "Settings → Developer Settings → your integration → Permissions"
NO_ISSUE = "0"
"""An issue id that no Sentry gives: ids count from 1."""

MOST_PROJECTS = 20
"""Projects whose keys are read."""

SKEW = 30.0
"""Seconds by which clocks may differ."""


@check("token", needs=["settings"])
def token(clinic: Clinic) -> Finding:
    """Address, token and organization fit together (org:read)."""
    settings = clinic.settings
    try:
        found = clinic.client.organization()
    except Unauthorized:
        return fail(
            "Sentry does not know the token",
            f"Make a new one: {PERMISSIONS.rsplit(' → ', 1)[0]} → New Token.",
        )
    except NotFound:
        return fail(
            f"no organization {settings.sentry_org} at {settings.sentry_url} for this token",
            "Check SENTRY_ORG (the slug) and SENTRY_URL (its region).",
        )
    except Forbidden:
        return fail(
            "the token may not read the organization (org:read)", f"{PERMISSIONS}: Organization, Read."
        )
    except (Unreachable, Redirected) as error:
        return fail(f"{settings.sentry_url} does not answer as Sentry does: {error}", "Check SENTRY_URL.")
    return ok(f"valid for {found.get('slug') or settings.sentry_org}")


def _may(call: Callable[[], object], seen: str, lacks: str, todo: str) -> Finding:
    try:
        call()
    except Forbidden:
        return fail(lacks, f"{PERMISSIONS}: {todo}")
    except (NotFound, BadRequest):  # the scope is looked at before the object
        return ok(seen)
    return ok(seen)


@check("event:read", needs=["token"])
def event_read(clinic: Clinic) -> Finding:
    """Issues can be read."""
    return _may(
        lambda: clinic.client.issues("is:unresolved", limit=1),
        "issues can be read",
        "issues cannot be read",
        "Issue & Event, Read & Write.",
    )


@check("event:write", needs=["token"])
def event_write(clinic: Clinic) -> Finding:
    """Issues can be changed. Asked with an empty change of an issue that does not exist."""
    path = clinic.client.org_path("issues", NO_ISSUE)
    return _may(
        lambda: clinic.client.call("PUT", path, body={}),
        "issues can be changed",
        "issues cannot be changed",
        "Issue & Event, Read & Write.",
    )


@check("member:read", needs=["token"])
def member_read(clinic: Clinic) -> Finding:
    """People can be read, without which nobody is assigned."""
    try:
        return ok(f"{len(clinic.client.members())} members")
    except Forbidden:
        return warn("people cannot be read: nobody will be assigned", f"{PERMISSIONS}: Member, Read.")


@check("projects", needs=["token"])
def projects(clinic: Clinic) -> Finding:
    """There are projects to triage."""
    found = clinic.projects
    if not found:
        return warn("the organization has no project", "Make one, or check SENTRY_ORG.")
    return ok(f"{len(found)}: {', '.join(str(one.get('slug')) for one in found[:5])}")


@check("project:read", needs=["projects"])
def project_read(clinic: Clinic) -> Finding:
    """Teams of a project can be read."""
    slug = str(clinic.projects[0]["slug"]) if clinic.projects else ""
    if not slug:
        return skip("no project")
    return _may(
        lambda: clinic.client.project_teams(slug),
        "teams of projects can be read",
        "teams of projects cannot be read",
        "Project, Read, and Team, Read.",
    )


@check("integration", needs=["token"])
def integration(clinic: Clinic) -> Finding:
    """Which installed integration is ours."""
    try:
        rows = clinic.client.installations()
    except Forbidden:
        return warn(
            "installations cannot be read: nothing will be shown in the issue list",
            f"{PERMISSIONS}: Organization, Read.",
        )
    found = find_installation(rows, clinic.settings)
    if found is None:
        return fail(
            f"ours is not among the {len(rows)} installations",
            "Set SENTRY_APP_SLUG to the slug in your integration's address.",
        )
    return ok(found.app_slug)


@check("keys", needs=["project:read"])
def keys(clinic: Clinic) -> Finding:
    """Tags go through each project's own DSN: it can be read, is active and points to a known host."""
    hosts = ingest_hosts(clinic.settings.sentry_url, clinic.settings.sentry_ingest_hosts)
    bad = []
    for project in clinic.projects[:MOST_PROJECTS]:
        slug = str(project["slug"])
        reason = _key_problem(clinic, slug, hosts)
        if reason:
            bad.append(f"{slug}: {reason}")
    looked = min(len(clinic.projects), MOST_PROJECTS)
    if bad:
        return fail(
            f"{len(bad)} of {looked} projects cannot be tagged: {bad[0]}",
            "Projects → Settings → Client Keys; for a Relay of your own set SENTRY_INGEST_HOSTS.",
        )
    return ok(f"{looked} projects have a usable key")


def _key_problem(clinic: Clinic, slug: str, hosts: tuple[str, ...]) -> str:
    try:
        found = [one for one in clinic.client.project_keys(slug) if one.get("isActive")]
    except TriageError as error:
        return str(error)
    if not found:
        return "no active key"
    reason = ""
    for one in found:
        allowed, reason = check_dsn(str((one.get("dsn") or {}).get("public") or ""), hosts)
        if allowed:
            return ""
    return reason


@check("own-errors", needs=["projects"])
def own_errors(clinic: Clinic) -> Finding:
    """Our own errors go somewhere, and do not come back to us."""
    dsn = own_dsn(clinic.settings)
    if dsn is None:
        return skip("SENTRY_DSN is not set: our own errors are only logged")
    ours = next((p for p in clinic.projects if str(p.get("id")) == dsn.project_id), None)
    if ours is None or not clinic.services.is_our_own(dsn.project_id):
        return ok(f"they go to {dsn.host}, which we do not triage")
    return ok(f"they go to {ours.get('slug')}; issues of that project are not triaged")


@check("clock", needs=["token"])
def clock(clinic: Clinic) -> Finding:
    """Our clock and Sentry's agree."""
    said = clinic.client.call("GET", clinic.client.org_path()).headers.get("date", "")
    try:
        theirs = parsedate_to_datetime(said).timestamp()
    except (TypeError, ValueError):
        return skip("Sentry's answer has no Date")
    skew = clinic.clock() - theirs
    if abs(skew) > SKEW:
        return warn(
            f"ours is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} Sentry's",
            "Let this machine set its clock over the network (NTP).",
        )
    return ok(f"within {max(1.0, abs(skew)):.0f} s of Sentry's")
