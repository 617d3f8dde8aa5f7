"""How the verdicts fare with people: coverage, agreement, confusion, reliability, corrections over time.

The machine's verdict on an issue is its newest one that is not itself a person's correction. A person speaks
through a correction: one that repeats the machine's value agrees, any other contradicts. Nobody having said
anything is counted apart, because silence proves nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, and_, case, func, select

from app.core.vocabulary import Source
from app.store.tables import corrections, verdicts

from .listing import WRITTEN

BANDS = (0.0, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Edges of the confidence bands; the last one takes its upper edge too."""

WRONG = "wrong"
"""What a person says who knows that we are wrong and not what is right: both field and value."""

FIELDS = {"category": ("category", WRONG), "severity": ("severity",)}
"""Scored field → fields of ``corrections`` that speak of it."""


@dataclass(slots=True)
class Tally:
    """Issues of one group: ``agreed`` and ``contradicted`` by people, the rest left as they were."""

    n: int = 0
    agreed: int = 0
    contradicted: int = 0
    confidence: float = 0.0
    """Sum over the group."""

    @property
    def spoken(self) -> int:
        return self.agreed + self.contradicted

    @property
    def agreement(self) -> float | None:
        """Share of those people spoke of; none where nobody did."""
        return self.agreed / self.spoken if self.spoken else None

    @property
    def uncontradicted(self) -> float | None:
        return (self.n - self.contradicted) / self.n if self.n else None

    @property
    def mean_confidence(self) -> float | None:
        return self.confidence / self.n if self.n else None

    def add(self, row: Any, agrees: bool | None) -> None:
        self.n += row.n
        self.confidence += float(row.confidence)
        self.agreed += row.n if agrees is True else 0
        self.contradicted += row.n if agrees is False else 0


@dataclass(slots=True)
class Score:
    """The scorecard of one field (``category`` or ``severity``) over a window."""

    name: str
    issues: int = 0
    covered: int = 0
    """Issues whose verdict did not abstain; everything below is of these."""
    all: Tally = field(default_factory=Tally)
    classes: dict[str, Tally] = field(default_factory=dict)
    bands: dict[int, Tally] = field(default_factory=dict)
    """By index of the band's lower edge in ``BANDS``."""
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(what we said, what the person said) → issues."""
    answered: int = 0
    """Issues on which we abstained and a person said what it is."""

    @property
    def coverage(self) -> float | None:
        return self.covered / self.issues if self.issues else None


class ScoreReport:
    """Reads ``verdicts`` against ``corrections``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def score(self, name: str, since: datetime) -> Score:
        """Of all issues that the machine judged since then. ``name``: ``category`` or ``severity``."""
        with self._engine.connect() as connection:
            return _fold(name, connection.execute(_query(name, since)).all())

    def uncontradicted(self, since: datetime) -> dict[str, float]:
        """By field, the share of the issues judged since then, without abstaining, that nobody contradicted;
        a field of no issue is left out."""
        shares = {name: self.score(name, since).all.uncontradicted for name in FIELDS}
        return {name: share for name, share in shares.items() if share is not None}

    def by_week(self, now: datetime, weeks: int = 12) -> list[tuple[datetime, dict[str, int]]]:
        """Corrections by field in each of the last weeks, oldest first; the last ends now."""
        start = now - timedelta(weeks=weeks)
        query = select(corrections.c.at, corrections.c.field).where(
            corrections.c.at >= start, corrections.c.retracted_at.is_(None)
        )
        found: list[dict[str, int]] = [{} for _ in range(weeks)]
        with self._engine.connect() as connection:
            for at, name in connection.execute(query.limit(50_000)):
                week = found[min((at - start) // timedelta(weeks=1), weeks - 1)]
                week[name] = week.get(name, 0) + 1
        return [(start + timedelta(weeks=index), counts) for index, counts in enumerate(found)]


def _query(name: str, since: datetime) -> Any:
    """Verdicts grouped by what was said, how sure we were, and what a person said: a few hundred rows."""
    machine = (
        select(verdicts.c.issue_id, func.max(verdicts.c.version).label("version"))
        .where(verdicts.c.created_at >= since, verdicts.c.source != Source.HUMAN.value)
        .group_by(verdicts.c.issue_id)
        .subquery()
    )
    newest = (
        select(func.max(corrections.c.id))
        .where(corrections.c.field.in_(FIELDS[name]), corrections.c.retracted_at.is_(None))
        .group_by(corrections.c.issue_id)
    )
    person = (
        select(corrections.c.issue_id, corrections.c.value).where(corrections.c.id.in_(newest)).subquery()
    )
    said = WRITTEN if name == "category" else verdicts.c.severity
    band = case(
        *((verdicts.c.confidence < edge, index) for index, edge in enumerate(BANDS[1:-1])),
        else_=len(BANDS) - 2,
    )
    columns = (said.label("said"), verdicts.c.abstained, band.label("band"), person.c.value.label("person"))
    joined = machine.join(
        verdicts,
        and_(verdicts.c.issue_id == machine.c.issue_id, verdicts.c.version == machine.c.version),
    ).outerjoin(person, person.c.issue_id == verdicts.c.issue_id)
    summed = (func.count().label("n"), func.sum(verdicts.c.confidence).label("confidence"))
    return select(*columns, *summed).select_from(joined).group_by(*columns)


def _fold(name: str, rows: Iterable[Any]) -> Score:
    score = Score(name)
    for row in rows:
        score.issues += row.n
        if row.abstained:
            score.answered += row.n if row.person is not None else 0
            continue
        score.covered += row.n
        agrees = None if row.person is None else row.person == row.said
        score.all.add(row, agrees)
        score.classes.setdefault(row.said, Tally()).add(row, agrees)
        score.bands.setdefault(row.band, Tally()).add(row, agrees)
        if row.person is not None:
            score.confusion[row.said, row.person] += row.n
    return score
