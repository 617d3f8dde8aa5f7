"""Who should look: the team's own routes from ``triage.toml`` first, then whom Sentry itself suggests."""

from __future__ import annotations

from wcmatch import glob

from app.core.digest import Digest, Frame
from app.core.issue import Issue
from app.core.policy import Policy, Route
from app.core.verdict import Verdict

SUGGESTIONS = ("ownershipRule", "codeowners", "suspectCommit")
"""Sentry's kinds of suggestion, the most deliberate first."""

_FLAGS = glob.GLOBSTAR | glob.DOTGLOB | glob.FORCEUNIX
"""``*`` stays within one folder, ``**`` crosses them; no brace expansion, so a pattern stays cheap."""


def route(verdict: Verdict, digest: Digest, issue: Issue, policy: Policy) -> tuple[str | None, str]:
    """``(owner, reason)``: ``team:slug`` or an e-mail from the first route that fits, else Sentry's
    ``user:ID`` or ``team:ID``, else None."""
    path = innermost_path(digest)
    for number, candidate in enumerate(policy.route, start=1):
        if _fits(candidate, verdict, issue, path):
            return candidate.owner, f"route {number} of triage.toml: {_named(candidate)}"
    for source in SUGGESTIONS:
        for owner in issue.owners or ():
            if owner.source == source:
                return owner.key, f"Sentry suggests them ({source})"
    return None, "no route fits and Sentry suggests nobody"


def innermost_path(digest: Digest) -> str:
    """File of the in-app frame nearest to the crash: of what surfaced last, else of its causes, else of the
    thread."""
    stacks: list[tuple[Frame, ...]] = [info.frames for info in reversed(digest.exceptions)]
    for frames in (*stacks, digest.frames):
        for frame in reversed(frames):
            if frame.in_app and frame.filename:
                return frame.filename
    return ""


def path_fits(path: str, pattern: str) -> bool:
    """Whether a frame's file fits a glob. Windows separators, a leading ``/`` or ``./`` and ``webpack:///``
    roots do not matter."""
    plain = path.replace("\\", "/").rpartition("://")[2].lstrip("/").removeprefix("./")
    return bool(plain) and bool(glob.globmatch(plain, pattern.lstrip("/"), flags=_FLAGS))


def _fits(candidate: Route, verdict: Verdict, issue: Issue, path: str) -> bool:
    if candidate.category is not None and candidate.category is not verdict.written_category:
        return False
    if candidate.project is not None and candidate.project != issue.project_slug:
        return False
    return candidate.path is None or path_fits(path, candidate.path)


def _named(candidate: Route) -> str:
    named = {"category": candidate.category, "project": candidate.project, "path": candidate.path}
    return (
        ", ".join(f"{name} {value}" for name, value in named.items() if value is not None)
        or "fits everything"
    )
