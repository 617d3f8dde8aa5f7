"""Which values come back when our writes on an issue are undone, worked out from the write log alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from app.core.writes import WriteKind

HELD = "it was undone: `sentry-triage apply` writes again"
"""Said of every write on an issue whose writes were undone. A new verdict does not bring them back."""

STAYS_TAGS = "the annotation event stays in the issue until Sentry's retention ends; its tags age out with it"
STAYS_LOCK = "restored, but Sentry keeps the priority locked: its API cannot take that off"


class Logged(Protocol):
    """A line of the write log, as much of it as is needed here."""

    @property
    def id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def before(self) -> str | None: ...
    @property
    def after(self) -> str | None: ...
    @property
    def ref(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Restore:
    """One thing to put back: from ``after`` (ours) to ``before`` (what stood there before the first of our
    writes in question). ``ids``: the lines of the log that this undoes."""

    kind: WriteKind
    before: str | None
    after: str | None
    ref: str
    ids: tuple[int, ...]


def restores(log: Iterable[Logged]) -> list[Restore]:
    """``log``: the writes that stand and are to be undone, oldest first. One ``Restore`` a kind at most.

    Several writes in a row fold into one. Where somebody changed the value between two of ours, only what
    came after that is ours to put back. Order: the last written is undone first.
    """
    found: dict[WriteKind, Restore] = {}
    for line in log:
        kind = WriteKind(line.kind)
        last = found.get(kind)
        ids = (*last.ids, line.id) if last else (line.id,)
        before = last.before if last and line.before == last.after else line.before
        found[kind] = Restore(kind, before, line.after, line.ref, ids)
    return [found[kind] for kind in reversed(WriteKind) if kind in found]
