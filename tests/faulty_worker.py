"""A worker process of ours in which time runs faster, and which can die at a chosen step.

``python -m tests.faulty_worker run NAME`` works until it is stopped.
``python -m tests.faulty_worker chain`` is one worker after the other: each is killed with SIGKILL at the next
point between two steps, before and after the step's checkpoint, and the last one works on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from app.cli import worker
from app.jobs import engine, workflows
from app.jobs.outcome import Outcome
from app.sentry import api, errors

STEPS = ("look", "plan", "fields", "annotation", "comment", "tags", "settle")
POINTS = [(step, when) for step in STEPS for when in ("before", "after")]


def run_faster() -> None:
    """Seconds instead of minutes: the same waits in the same places."""
    engine.BEAT, engine.DEAD_AFTER = 0.2, 1.2
    errors.SETTING_WAIT = 2.0
    api.READ_TIMEOUT, api.BUDGET = 1.0, 6.0
    workflows.LONGEST_WAIT = 2.0


def die_at(step: str, when: str) -> None:
    """Kill this process the first time that ``step`` has run: ``before`` or ``after`` it is checkpointed."""
    checkpointed: Callable[..., Outcome] = workflows.run_step

    def run_step(name: str, body: Callable[..., Outcome], *args: Any) -> Outcome:
        def dying(*given: Any) -> Outcome:
            outcome = body(*given)
            if (name, "before") == (step, when):
                os.kill(os.getpid(), signal.SIGKILL)
            return outcome

        outcome = checkpointed(name, dying, *args)
        if (name, "after") == (step, when):
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome

    workflows.run_step = run_step


def chain() -> None:
    """One forked worker a point: what takes long to import is imported once."""
    for number, (step, when) in enumerate(POINTS):
        child = os.fork()
        if not child:
            die_at(step, when)
            work(f"dies-{number}")
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{step} {when}: {os.WTERMSIG(status)}\n")
        sys.stdout.flush()
    work("survivor")


def work(name: str) -> None:
    worker.command.main(["--name", name], standalone_mode=False)


if __name__ == "__main__":
    run_faster()
    if sys.argv[1] == "chain":
        chain()
    else:
        work(sys.argv[2])
