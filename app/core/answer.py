"""What a model wrote becomes an ``Answer``, or one named case of what was wrong with it.

Parsed directly, else from a fenced block, else from the first balanced object. Texts come out plain and
within limits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .hygiene import cut, plain_text
from .redact import redact_text
from .vocabulary import MAX_ROOT_CAUSE, MAX_SUGGESTED_FIX, Category, Severity

MAX_ANSWER = 20_000
"""Characters of an answer that are read; a verdict needs under a thousand."""
MAX_EVIDENCE = 8


class Fault(StrEnum):
    """Everything that is wrong with an answer."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    NOT_JSON = "not-json"
    HTML_ERROR_PAGE = "html-error-page"
    ERROR_OBJECT = "error-object"
    WRONG_ENUM = "wrong-enum"
    EXTRA_FIELD = "extra-field"
    MISSING_FIELD = "missing-field"
    WRONG_VALUE = "wrong-value"


class BadAnswer(ValueError):
    """An answer that cannot be used. ``hint`` goes into the repair turn: field names and allowed values only,
    never text of the answer, which may be hostile."""

    def __init__(self, fault: Fault, hint: str) -> None:
        super().__init__(f"{fault.value}: {hint}")
        self.fault = fault
        self.hint = hint


class Answer(BaseModel):
    """A model's answer, checked: closed enums, no further fields, plain texts within their limits."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    category: Category
    severity: Severity
    root_cause: str
    suggested_fix: str
    requires_immediate_action: bool
    confidence: float = Field(ge=0.0, le=1.0)
    evidence: tuple[str, ...]


def answer_schema() -> dict[str, Any]:
    """JSON Schema in the subset every strict mode takes: all required, nothing additional, no lengths."""
    text = {"type": "string"}
    properties: dict[str, Any] = {
        "category": {"type": "string", "enum": [c.value for c in Category]},
        "severity": {"type": "string", "enum": [s.value for s in Severity]},
        "root_cause": {**text, "description": f"at most {MAX_ROOT_CAUSE} characters"},
        "suggested_fix": {
            **text,
            "description": f"at most {MAX_SUGGESTED_FIX} characters; empty if unsupported",
        },
        "requires_immediate_action": {"type": "boolean"},
        "confidence": {"type": "number", "description": "0 to 1"},
        "evidence": {
            "type": "array",
            "items": text,
            "description": f"at most {MAX_EVIDENCE} ids of the event",
        },
    }
    names = list(properties)
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


def parse_answer(text: str) -> Answer:
    """The answer in a model's text. Raises :class:`BadAnswer`."""
    raw = _object_in(text)
    if "error" in raw and "category" not in raw:
        raise BadAnswer(Fault.ERROR_OBJECT, "an error object instead of an answer")
    try:
        checked = Answer.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        raise _bad(error) from None
    except RecursionError:
        raise BadAnswer(Fault.NOT_JSON, "nested too deeply") from None
    return checked.model_copy(
        update={
            "root_cause": _clean(checked.root_cause, MAX_ROOT_CAUSE),
            "suggested_fix": _clean(checked.suggested_fix, MAX_SUGGESTED_FIX),
            "evidence": tuple(dict.fromkeys(e[:80] for e in checked.evidence[:MAX_EVIDENCE])),
        }
    )


def _clean(text: str, limit: int) -> str:
    return cut(plain_text(redact_text(text[: limit * 20])[0]), limit)


_FENCE = re.compile(r"```[a-zA-Z]{0,12}[ \t]*\r?\n(.*?)(?:```|\Z)", re.S)


def _object_in(text: str) -> dict[str, Any]:
    text = text[:MAX_ANSWER].strip().lstrip("\ufeff")
    if not text:
        raise BadAnswer(Fault.EMPTY, "the answer was empty")
    if re.match(r"(?i)<(?:!doctype|html|head|body)\b", text):
        raise BadAnswer(Fault.HTML_ERROR_PAGE, "an HTML page instead of an answer")
    for candidate in (text, *_FENCE.findall(text)[:4], *_balanced(text)):
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    if text.count("{") > text.count("}"):
        raise BadAnswer(Fault.TRUNCATED, "the JSON object is not closed")
    raise BadAnswer(Fault.NOT_JSON, "no JSON object found")


def _balanced(text: str) -> Iterator[str]:
    """The first balanced object, braces in strings not counted. One pass over the text."""
    start, depth, quoted, escaped = -1, 0, False, False
    for at, char in enumerate(text):
        if start < 0:
            start, depth = (at, 1) if char == "{" else (-1, 0)
        elif quoted:
            quoted, escaped = (escaped or char != '"'), (char == "\\" and not escaped)
        elif char == '"':
            quoted = True
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                yield text[start : at + 1]
                start = -1


_FAULTS = {"enum": Fault.WRONG_ENUM, "extra_forbidden": Fault.EXTRA_FIELD, "missing": Fault.MISSING_FIELD}
_ALLOWED = {"category": ", ".join(Category), "severity": ", ".join(Severity)}


def _bad(error: ValidationError) -> BadAnswer:
    """The first complaint names the case; the hint lists them all without quoting the answer."""
    complaints = error.errors(include_url=False, include_context=False, include_input=False)
    hints: list[str] = []
    faults: list[Fault] = []
    for item in complaints[:6]:
        field = str(item["loc"][0]) if item["loc"] else ""
        fault = _FAULTS.get(item["type"], Fault.WRONG_VALUE)
        faults.append(fault)
        known = field if field in Answer.model_fields else "an unknown field"
        allowed = f" must be one of {_ALLOWED[field]}" if field in _ALLOWED else ""
        hints.append(f"{known}: {fault.value}{allowed}")
    return BadAnswer(faults[0], "; ".join(dict.fromkeys(hints)))
