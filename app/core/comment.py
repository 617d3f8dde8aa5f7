"""The one comment that an issue gets, as Markdown, and how it is recognised again.

Root cause, fix, evidence and owner hold text from the event or the model. It is shown as text only: nothing
in it can mention a person, link, embed an image or become HTML, in Sentry or in a tracker that Sentry copies
comments to.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core.issue import parse_time
from app.core.verdict import Evidence, Verdict
from app.core.vocabulary import Action, Category, ConfidenceBand, Source

MARKER = "<!-- triage:1 -->"
"""Stored by Sentry as it is and shown by nobody."""

MAX_BYTES = 8192
MAX_EVIDENCE = 5
MAX_TEXT = 300

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#!|~&@$^])")
"""What can begin markup inside a line. Prose never stands at the start of one, so list and heading marks may
stay: Sentry's mails show the source, which has to be readable too."""
_BREAK = "\u2060"
"""Word joiner: invisible, no width; behind ``@`` or ``#`` no site sees a mention, inside ``://`` none sees a
link."""

_SOURCES: Mapping[Source, str] = {
    Source.OFFLINE: "Decided by the built-in rules, without a model.",
    Source.MODEL: "Decided by a model",
    Source.REUSED: "Taken over from an issue with the same signature",
    Source.HUMAN: "Set by a person.",
}
_CONFIDENCE: Mapping[ConfidenceBand, str] = {
    ConfidenceBand.HIGH: "high",
    ConfidenceBand.MEDIUM: "fair",
    ConfidenceBand.LOW: "low",
}
_PLACES = frozenset(
    {"exception", "frame", "tag", "message", "level", "mechanism", "request", "logger", "correction"}
)
_HELP = "Wrong? Comment `/triage category=Database severity=high` with the right words, or `/triage wrong`."


@dataclass(frozen=True, slots=True)
class Note:
    """A comment on an issue. ``author`` is a user name; ``app_slug`` is set where the server names the
    app."""

    id: str
    text: str
    author: str = ""
    app_slug: str = ""
    created: datetime | None = None

    @classmethod
    def from_api(cls, json: Mapping[str, Any]) -> Note:
        """Read an entry of ``GET …/notes/`` or the answer to a POST."""
        data, user, app = (_mapping(json.get(name)) for name in ("data", "user", "sentry_app"))
        return cls(
            id=str(json.get("id") or ""),
            text=str(data.get("text") or ""),
            author=str(user.get("username") or ""),
            app_slug=str(app.get("slug") or ""),
            created=parse_time(json.get("dateCreated")),
        )

    def by_app(self, app_slug: str) -> bool:
        """True where our app wrote it. 23.7.1 names only the proxy user: ``{slug}-{uuid}``."""
        return bool(app_slug) and (self.app_slug == app_slug or self.author.startswith(f"{app_slug}-"))


def has_marker(text: str) -> bool:
    """True where the text ends like one of our comments (a quotation of ours in between does not count)."""
    return text.rstrip().endswith(MARKER)


def our_comments(notes: Iterable[Note], app_slug: str) -> list[Note]:
    """Those of our app that have our marker, the oldest first; after a merge there are several."""
    ours = [note for note in notes if note.by_app(app_slug) and has_marker(note.text)]
    return sorted(ours, key=lambda note: (note.created is not None and note.created.timestamp(), note.id))


def find_marker(notes: Iterable[Note], app_slug: str) -> Note | None:
    """Our comment among ``notes``; the oldest, should there be two."""
    return next(iter(our_comments(notes, app_slug)), None)


def render_comment(
    verdict: Verdict,
    version: int,
    *,
    corrections_learned: int = 0,
    public_url: str | None = None,
    owner_note: str = "",
    autofix_ran: bool = False,
    notice: str = "",
) -> str:
    """The comment, at most 8 kB. ``public_url``: our own page on this issue, from the settings.

    ``owner_note``: who was suggested and not assigned, and why. ``autofix_ran``: Sentry's own fix is there,
    so ours is left out. ``notice``: an answer to a person, such as a command that was not understood; its
    lines that begin with ``/triage`` are shown as they are typed.
    """
    evidence = list(verdict.evidence[:MAX_EVIDENCE])
    while True:
        parts = [
            _headline(verdict),
            _findings(verdict, autofix_ran),
            _why(evidence),
            _footer(verdict, version, corrections_learned, public_url, owner_note),
            _notice(notice),
        ]
        text = "\n\n".join(part for part in parts if part) + f"\n\n{MARKER}\n"
        if len(text.encode()) <= MAX_BYTES or not evidence:
            return text
        evidence.pop()


def withdrawn_comment(reason: str = "") -> str:
    """What our comment becomes where it has to go and the token may not delete it."""
    return f"This triage was withdrawn.{' ' + prose(reason) if reason else ''}\n\n{MARKER}\n"


def prose(text: str, limit: int = MAX_TEXT) -> str:
    """Untrusted text as plain running text on one line, its markup escaped (CommonMark 2.4). Not for a line's
    start."""
    text = re.sub("/(?=/)", f"/{_BREAK}", _MARKUP.sub(r"\\\1", _clean(text, limit)))
    return _unmention(re.sub(r"(?i)\b(www)\.", rf"\1{_BREAK}.", text))


def code(text: str, limit: int = MAX_TEXT) -> str:
    """Untrusted text as a code span; a grave accent in it becomes an apostrophe."""
    clean = _unmention(_clean(text, limit).replace("`", "'"))
    return f"`{clean}`" if clean else ""


def _clean(text: str, limit: int) -> str:
    """One line without control, format and private characters (bidi overrides, zero width)."""
    shown = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text[: limit * 4])
    words = " ".join(shown.split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def _unmention(text: str) -> str:
    return text.replace("@", f"@{_BREAK}").replace("#", f"#{_BREAK}")


def _notice(notice: str) -> str:
    lines = notice.splitlines()
    said = " ".join(line for line in lines if not line.startswith("/triage"))
    typed = "\n".join(f"- {code(line)}" for line in lines if line.startswith("/triage"))
    parts = (f"About your last comment: {prose(said)}" if said else "", typed)
    return "\n\n".join(part for part in parts if part)


def _headline(verdict: Verdict) -> str:
    if verdict.abstained and verdict.source is Source.HUMAN:
        return (
            f"**Triage: {Category.UNKNOWN.value}, severity {verdict.severity.value}.** "
            "A person said that the verdict was wrong, so it was withdrawn."
        )
    if verdict.abstained:
        sure = f"{verdict.confidence:.0%}"
        guess = (
            ""
            if verdict.category is Category.UNKNOWN
            else f" Best guess: {verdict.category.value} at {sure}."
        )
        return (
            f"**Triage: {Category.UNKNOWN.value}, severity {verdict.severity.value}.** "
            f"The event does not say enough to name a category.{guess}"
        )
    action = " Someone should look now." if verdict.action is Action.NOW else ""
    return f"**Triage: {verdict.category.value}, severity {verdict.severity.value}.**{action}"


def _findings(verdict: Verdict, autofix_ran: bool) -> str:
    lines = []
    if verdict.root_cause and not verdict.abstained:
        lines.append(f"**Root cause:** {prose(verdict.root_cause)}")
    if verdict.suggested_fix and verdict.evidence and not (verdict.abstained or autofix_ran):
        lines.append(f"**What to try:** {prose(verdict.suggested_fix)}")
    return "\n\n".join(lines)


def _why(evidence: list[Evidence]) -> str:
    rows = []
    for item in evidence:
        where = _place(item.id)
        seen = f" {code(item.seen, 200)}" if item.seen else ""
        rows.append(f"- {where}{seen}: {prose(item.says)}")
    return "**Why:**\n\n" + "\n".join(rows) if rows else ""


def _place(evidence_id: str) -> str:
    """``exception:1.type`` as ``exception type``, ``tag:environment`` as ``tag environment``, else code."""
    kind, _, detail = evidence_id.partition(":")
    if kind not in _PLACES:
        return code(evidence_id, 60)
    named = detail.rpartition(".")[2] if kind in {"exception", "frame"} else detail
    return f"{kind} {prose(named, 60)}" if named and not named.isdigit() else kind


def _footer(verdict: Verdict, version: int, learned: int, public_url: str | None, owner_note: str) -> str:
    lines = [f"Confidence: {_CONFIDENCE[verdict.band]} ({verdict.confidence:.0%}). {_source(verdict)}"]
    if verdict.note:
        lines.append(f"Note: {prose(verdict.note)}")
    if owner_note:
        lines.append(f"Owner: {prose(owner_note)}")
    lines.append(_HELP)
    tail = []
    if version > 1:
        tail.append(f"Verdict {version}; this comment is edited when it changes.")
    if learned:
        tail.append(f"Learned from {learned} correction{'s' if learned != 1 else ''}.")
    if public_url and re.fullmatch(r"https?://[A-Za-z0-9._~:/?=&%\[\]-]+", public_url):
        tail.append(f"[How this was decided]({public_url})")
    if tail:
        lines.append(" ".join(tail))
    return "\n\n".join(lines)


def _source(verdict: Verdict) -> str:
    text = _SOURCES[verdict.source]
    if verdict.source is Source.MODEL:
        return f"{text}{': ' + code(verdict.model, 80) if verdict.model else ''}."
    if verdict.source is Source.REUSED:
        return f"{text}{': same as ' + code(verdict.reused_from, 60) if verdict.reused_from else ''}."
    return text


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
