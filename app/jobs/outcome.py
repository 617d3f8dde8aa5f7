"""What a step says: go on, done, try again later, or give up. Plain JSON, because it is checkpointed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypedDict, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from app.errors import Retryable, TriageError

log = logging.getLogger(__name__)

GO, DONE, RETRY, FAIL, CRASH = "go", "done", "retry", "fail", "crash"


class Outcome(TypedDict, total=False):
    """``next`` is one of the constants above; ``result`` is what is shown (``triaged``, ``gone``, …)."""

    next: str
    result: str
    reason: str
    after: float | None
    ask_model: bool


def go(reason: str = "", *, ask_model: bool = False) -> Outcome:
    return Outcome(next=GO, reason=reason, ask_model=ask_model)


def done(result: str, reason: str = "") -> Outcome:
    return Outcome(next=DONE, result=result, reason=reason)


P = ParamSpec("P")
S = TypeVar("S")


def guarded(step: Callable[Concatenate[S, P], Outcome]) -> Callable[Concatenate[S, P], Outcome]:
    """A step that never raises: an exception would be checkpointed with whatever text it carries.

    The database's own failures are let through, because nothing can be checkpointed while it is away: the
    workflow ends in error and the sweeper runs the job again.
    """

    @wraps(step)
    def run(steps: S, /, *args: P.args, **kwargs: P.kwargs) -> Outcome:
        try:
            return step(steps, *args, **kwargs)
        except Retryable as error:
            return Outcome(next=RETRY, reason=str(error), after=error.after)
        except TriageError as error:
            return Outcome(next=FAIL, reason=str(error))
        except SQLAlchemyError:
            raise
        except Exception as error:
            log.exception("step %s failed", step.__name__)
            return Outcome(next=CRASH, reason=f"{type(error).__name__} in step {step.__name__}")

    return run
