"""What is old goes: finished work, superseded verdicts, issues that ended long ago, DBOS's records.

Of an issue that lives nothing is dropped that tells an echo from a person or undoes a write: its newest
verdict and its write log stay for as long as the issue itself does. Corrections are never
dropped: they are what was learned.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

from dbos import DBOS

from app.services import Services
from app.store.retention import AT_ONCE, purge

log = logging.getLogger(__name__)

WORKFLOWS_KEPT = timedelta(days=3)
"""A settled workflow is of no use any more: how its job ended is in our own table."""

LEDGER_KEPT = timedelta(days=62)
"""The monthly ceiling counts model calls."""

BATCH = 200


class Retention:
    def __init__(self, services: Services, workflows: Callable[[datetime, int], int] | None = None) -> None:
        self._services = services
        self._workflows = workflows or delete_workflows

    def run(self, go_on: Callable[[], bool] = lambda: True) -> Mapping[str, int]:
        """Answers how many rows of each table went."""
        now = self._services.clock()
        days = timedelta(days=self._services.settings.triage_retention_days)
        ledger = max(days, LEDGER_KEPT)
        gone = {"workflows": 0}
        self._services.store.totals.read()  # what goes has been counted for the metrics
        while go_on():
            round_ = asdict(purge(self._services.store.engine, before=now - days, ledger_before=now - ledger))
            gone = {name: gone.get(name, 0) + round_.get(name, 0) for name in gone | round_}
            if round_["issues"] < AT_ONCE:
                break
        while go_on():
            count = self._workflows(now - min(days, WORKFLOWS_KEPT), BATCH)
            gone["workflows"] += count
            if count < BATCH:
                break
        return gone


def delete_workflows(before: datetime, limit: int) -> int:
    """Delete DBOS's records of workflows that ended before; it never does so by itself."""
    ended = DBOS.list_workflows(
        status=["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
        completed_before=before.isoformat(),
        limit=limit,
        load_input=False,
        load_output=False,
    )
    if ended:
        DBOS.delete_workflows([workflow.workflow_id for workflow in ended])
    return len(ended)
