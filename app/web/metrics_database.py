"""What ``/metrics`` reads from the database when asked: right for all processes, also after a restart."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from app.settings import Settings
from app.store import Store
from app.store.totals import Sums

log = logging.getLogger(__name__)

AGREEMENT_WINDOW = timedelta(days=30)
AGREEMENT_KEPT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class CounterOf:
    """A counter over a total: ``column`` 0 is the number of rows, 1 and on are its sums."""

    name: str
    help: str
    total: str
    labels: Sequence[str] = ()
    column: int = 0


COUNTERS = (
    CounterOf("triage_jobs", "Jobs that ended.", "jobs", ["outcome"]),
    CounterOf("triage_reconciled", "Jobs found by comparing Sentry's list with ours.", "reconciled"),
    CounterOf("triage_decisions", "Verdicts.", "decisions", ["category", "severity", "source"]),
    CounterOf("triage_abstained", "Verdicts that say they do not know.", "abstained", ["source"]),
    CounterOf("triage_writes", "Writes into Sentry by result.", "writes", ["kind", "result"]),
    CounterOf("triage_model_calls", "Questions to a model.", "model_calls", ["provider", "model", "result"]),
    CounterOf("triage_spend_dollars", "Estimated price of the calls.", "model_use", ["provider", "model"], 4),
    CounterOf("triage_redactions", "Values kept from a model, by kind.", "redactions", ["kind"], 1),
)
Values = dict[tuple[str, ...], tuple[float, float]]
"""Count and sum by labels."""

TOKENS = CounterOf("triage_model_tokens", "Tokens.", "model_use", ["provider", "model", "type"])
TOKEN_COLUMNS = {"input": 1, "cached": 2, "output": 3}
CORRECTIONS = ("triage_corrections", "What people corrected.", ["field"])
JOB_SECONDS = ("triage_job_seconds", "Seconds that ended jobs waited and worked.", ["stage"])
MODEL_SECONDS = ("triage_model_seconds", "Seconds that models took.", ["provider", "model"])
GAUGES: Mapping[str, tuple[str, Sequence[str]]] = {
    "triage_database_up": ("1 while the database answers.", ()),
    "triage_queue_depth": ("Jobs that are queued, running or failed.", ("state",)),
    "triage_queue_oldest_seconds": ("How long the oldest due job has waited.", ()),
    "triage_workers_alive": ("Workers with a sign of life in the last 10 seconds.", ()),
    "triage_last_webhook_timestamp_seconds": ("When Sentry's last webhook was stored, unix seconds.", ()),
    "triage_agreement_ratio": (
        "Share of 30 days' verdicts (not abstained) that nobody contradicted; read every 5 minutes by each "
        "web process.",
        ("field",),
    ),
    "triage_budget_remaining_dollars": ("Left of the ceiling for model calls.", ("period",)),
}


class DatabaseCollector(Collector):
    """Reads at each scrape; only the agreement, which looks at a month's verdicts, is kept for a while."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._agreement: tuple[datetime, Mapping[str, float]] | None = None

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        try:
            families = [*self._totals(), *self._now()]
        except SQLAlchemyError:
            log.exception("the database does not answer")
            yield _gauge("triage_database_up", {(): 0.0})
            return
        yield _gauge("triage_database_up", {(): 1.0})
        yield from families

    def _totals(self) -> Iterator[Metric]:
        totals = self._store.totals.read()
        for spec in COUNTERS:
            family = CounterMetricFamily(spec.name, spec.help, labels=spec.labels)
            for labels, sums in totals[spec.total].items():
                family.add_metric(_split_model(spec.labels, labels), sums[spec.column])
            yield family
        yield _tokens(totals["model_use"])
        yield _seconds(JOB_SECONDS, _stages(totals))
        models: Values = {_model(name): (sums[0], sums[5]) for (name,), sums in totals["model_use"].items()}
        yield _seconds(MODEL_SECONDS, models)

    def _now(self) -> Iterator[Metric]:
        vitals = self._store.vitals
        queue = vitals.queue()
        name, text, labels = CORRECTIONS
        corrections = CounterMetricFamily(name, text, labels=labels)
        for field, count in vitals.corrections().items():
            corrections.add_metric([field], count)
        yield corrections
        yield _gauge("triage_queue_depth", {(state,): float(n) for state, n in queue.depth.items()})
        yield _gauge("triage_queue_oldest_seconds", {(): queue.oldest_seconds})
        yield _gauge("triage_workers_alive", {(): float(vitals.workers_alive())})
        last = vitals.last_webhook()
        if last is not None:
            yield _gauge("triage_last_webhook_timestamp_seconds", {(): last.timestamp()})
        yield _gauge("triage_agreement_ratio", {(field,): share for field, share in self._agreed().items()})
        spent = self._store.calls.ledger()
        left: dict[tuple[str, ...], float] = {
            ("day",): max(0.0, self._settings.triage_budget_usd_day - spent.today),
            ("month",): max(0.0, self._settings.triage_budget_usd_month - spent.month),
        }
        yield _gauge("triage_budget_remaining_dollars", left)

    def _agreed(self) -> Mapping[str, float]:
        kept, now = self._agreement, self._store.clock()
        if kept is None or not timedelta() <= now - kept[0] < AGREEMENT_KEPT:
            found = self._store.reports.score.uncontradicted(now - AGREEMENT_WINDOW)
            kept = self._agreement = (now, found)
        return kept[1]


def _gauge(name: str, values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    text, labels = GAUGES[name]
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _seconds(spec: tuple[str, str, list[str]], values: Values) -> SummaryMetricFamily:
    name, text, labels = spec
    family = SummaryMetricFamily(name, text, labels=labels)
    for key, (count, total) in values.items():
        family.add_metric(key, count_value=int(count), sum_value=total)
    return family


def _stages(totals: Mapping[str, Sums]) -> Values:
    found: Values = {}
    for stage in ("waiting", "working"):
        for sums in totals[f"job_{stage}"].values():
            found[(stage,)] = (sums[0], sums[1])
    return found


def _tokens(use: Sums) -> CounterMetricFamily:
    family = CounterMetricFamily(TOKENS.name, TOKENS.help, labels=TOKENS.labels)
    for (name,), sums in use.items():
        for kind, column in TOKEN_COLUMNS.items():
            family.add_metric((*_model(name), kind), sums[column])
    return family


def _split_model(names: Sequence[str], labels: tuple[str, ...]) -> tuple[str, ...]:
    """``openai:gpt-6-luna`` is one column in the table and two labels here."""
    if "provider" not in names:
        return labels
    return (*_model(labels[0]), *labels[1:])


def _model(text: str) -> tuple[str, str]:
    provider, _, name = text.partition(":")
    return provider, name
