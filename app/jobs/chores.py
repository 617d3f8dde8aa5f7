"""What is done every so often, by one worker at a time: reconcile, tags refresh, retention.

No schedule of DBOS: its ticks are skipped while no worker is up, and a chore goes by what was done last.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.errors import Retryable, TriageError
from app.services import Services

from .lease import Lease
from .reconcile import Reconciler
from .refresh import Refresh
from .retention import Retention

log = logging.getLogger(__name__)

LONGEST_WAIT = 600.0
HOUR = 3600.0
DAY = 24 * HOUR

GoOn = Callable[[], bool]
"""Asked by a chore between two pieces of its work: False means stop, another worker may have taken over."""


@dataclass(frozen=True, slots=True)
class Chore:
    """``every``: seconds between two runs. ``run`` may raise ``Retryable``: then it is due again sooner."""

    name: str
    every: float
    run: Callable[[GoOn], object]


def all_chores(services: Services) -> list[Chore]:
    """Those that the settings switch on."""
    reconcile_every = services.settings.triage_reconcile_seconds
    chores = [Chore("retention", DAY, Retention(services).run)]
    if reconcile_every:
        chores.append(Chore("reconcile", reconcile_every, Reconciler(services).run))
        chores.append(Chore("refresh", HOUR, Refresh(services).run))
    return chores


class Chores:
    """Runs what is due. ``holder``: this worker's id; ``stopping``: True once the worker has to end."""

    def __init__(
        self, services: Services, holder: str, chores: Sequence[Chore], stopping: Callable[[], bool]
    ) -> None:
        self._chores = [
            (chore, Lease(services.store.facts, chore.name, holder, services.clock)) for chore in chores
        ]
        self._stopping = stopping

    def tick(self) -> int:
        """Run every chore that is due and that no other worker has; answers how many."""
        ran = 0
        for chore, lease in self._chores:
            if not self._stopping() and lease.claim():
                ran += 1
                self._run(chore, lease)
        return ran

    def _run(self, chore: Chore, lease: Lease) -> None:
        again_in = chore.every
        try:
            result = chore.run(lambda: not self._stopping() and lease.renew())
            log.info("chore", extra={"chore": chore.name, "outcome": result})
        except Retryable as error:
            again_in = min(chore.every, max(error.after or 30.0, 1.0), LONGEST_WAIT)
            log.warning("%s waits: %s", chore.name, error)
        except TriageError as error:
            log.error("%s: %s", chore.name, error)
        finally:
            lease.release(again_in)
