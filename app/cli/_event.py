"""The event of ``classify`` and ``redact``, out of whatever a person saved it in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from app.errors import UserError


@dataclass(frozen=True, slots=True)
class GivenEvent:
    """``event``: REST or SDK shape, unwrapped. ``project``: of a labelled line, else empty."""

    event: Mapping[str, Any]
    project: str = ""


def read_event(file: TextIO) -> GivenEvent:
    """The event in ``file``, taken out of a webhook's envelope or a labelled line. Raises ``UserError``."""
    try:
        found = json.load(file)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{file.name} is not JSON: {str(error)[:120]}.",
            hint="Save the event from Sentry (event page, {} JSON) or pass - to read from stdin.",
        ) from None
    if not isinstance(found, dict):
        raise UserError(f"{file.name} holds no event.", hint="An event is one JSON object.")
    data, project = found.get("data"), found.get("group")
    for holder, key in ((data, "error"), (data, "event"), (found, "event")):
        if isinstance(holder, dict) and isinstance(holder.get(key), dict):
            return GivenEvent(holder[key], project if isinstance(project, str) else "")
    return GivenEvent(found)
