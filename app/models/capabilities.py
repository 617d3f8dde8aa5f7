"""What each model takes and costs: one dated table, and ``[models]`` of triage.toml over it.

A model that is not in the table starts strict and is learned: a 400 names the parameter it does not take,
that is dropped, and the memory (a mapping that the caller keeps) makes it stay dropped.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, MutableMapping
from datetime import date, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import UserError

from .base import HttpResponse, Model, Usage
from .reading import error_text

_T = TypeVar("_T")

Memory = MutableMapping[str, Mapping[str, str]]
"""``Model.place`` ▸ what was learned there (plain strings: it may be stored as JSON)."""


class SchemaMode(StrEnum):
    """How a model is held to the answer's shape, strictest first."""

    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"
    PLAIN = "plain"


class Capability(BaseModel):
    """What one model takes and costs. Prices are US dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    schema_mode: SchemaMode = SchemaMode.JSON_SCHEMA
    """How the answer's shape is asked for."""
    token_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105
    """The parameter that limits the answer's length."""
    effort: str = Field(default="", max_length=16)
    """``reasoning_effort`` of OpenAI, ``output_config.effort`` of Anthropic; empty: not sent."""
    cache_control: bool = False
    """Mark the fixed part of the question for the provider's cache (Anthropic)."""
    max_tokens: int = Field(default=2_000, ge=256, le=32_000)
    """Room for the answer, thinking included."""
    price_in: float = Field(default=0.0, ge=0)
    """Dollars per million tokens sent."""
    price_out: float = Field(default=0.0, ge=0)
    """Dollars per million tokens answered."""
    price_cached: float | None = Field(default=None, ge=0)
    """Dollars per million tokens sent that the provider had in its cache; left out: as ``price_in``."""
    price_date: date | None = None
    """When the price was read; left out: it is not known and counts as zero, and ``doctor`` says so."""
    shutdown: date | None = None
    """When the provider ends the model; ``doctor`` says so beforehand."""

    def cost_usd(self, usage: Usage) -> float:
        """An estimate by the table's prices."""
        cheap = self.price_in if self.price_cached is None else self.price_cached
        fresh = max(0, usage.input - usage.cached)
        return (fresh * self.price_in + usage.cached * cheap + usage.output * self.price_out) / 1_000_000

    def most_usd(self, input_tokens: int) -> float:
        """What one turn can cost at most: nothing cached, all the room used."""
        return self.cost_usd(Usage(input_tokens, self.max_tokens))

    def ending(self, today: date, within: timedelta = timedelta(days=60)) -> str:
        """A sentence where the provider has announced that the model ends soon or has ended, else empty."""
        if self.shutdown is None or self.shutdown - today > within:
            return ""
        verb = "ended" if self.shutdown <= today else "ends"
        return (
            f"The provider {verb} this model on {self.shutdown.isoformat()}: choose another for TRIAGE_MODEL."
        )


@cache
def table() -> Mapping[str, Capability]:
    """The table that ships: ``provider:name`` or a glob ▸ capability."""
    raw = tomllib.loads(
        resources.files(__package__).joinpath("capabilities.toml").read_text(encoding="utf-8")
    )
    return {name: Capability.model_validate(entry) for name, entry in raw.items()}


def capability_of(
    model: Model, overrides: Mapping[str, Mapping[str, Any]] | None = None, memory: Memory | None = None
) -> Capability:
    """What holds for a model: table ▸ learned ▸ triage.toml. Raises UserError for a wrong override."""
    known = _best(table(), model.id) or Capability()
    own = dict(_best(overrides or {}, model.id) or {})
    learned = dict((memory or {}).get(model.place, {}))
    if not own and not learned:
        return known
    try:
        return Capability.model_validate({**known.model_dump(), **learned, **own})
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"[models] for {model.id}: {'.'.join(map(str, first['loc']))}: {first['msg']}.",
            hint="Keys and values are those of app/models/capabilities.toml.",
        ) from None


def _best(entries: Mapping[str, _T], name: str) -> _T | None:
    """The exact name, else the longest glob that fits."""
    fitting = [pattern for pattern in entries if pattern == name or fnmatchcase(name, pattern)]
    return entries[max(fitting, key=lambda p: (p == name, len(p)))] if fitting else None


_EFFORT = re.compile(r"reasoning_effort|reasoning|output_config\.effort|\beffort\b|\bthinking\b", re.I)
_SCHEMA = re.compile(
    r"response_format|json_schema|json_object|output_config|output_format|structured.?output|guided|\bschema\b|grammar",
    re.I,
)
_CACHE = re.compile(r"cache_control", re.I)
_LADDER = {SchemaMode.JSON_SCHEMA: SchemaMode.JSON_OBJECT, SchemaMode.JSON_OBJECT: SchemaMode.PLAIN}


def learn(response: HttpResponse, capability: Capability) -> tuple[dict[str, str] | None, str]:
    """What a 400 or 422 teaches: the fields to change, and why; None where it names nothing that we sent.

    The parameter field is believed before the message. Each call changes one thing, so the ladder ends.
    """
    message, param, _ = error_text(response.body)
    for where in (param, message):
        for change in (_token_field, _effort, _cache, _schema):
            if where and (new := change(where, capability)):
                return new, f"the server does not take {', '.join(new)}"
    return None, "the server names no parameter that we sent"


def _token_field(text: str, now: Capability) -> dict[str, str] | None:
    if now.token_field == "max_completion_tokens" and "max_completion_tokens" in text:  # noqa: S105
        return {"token_field": "max_tokens"}
    if now.token_field == "max_tokens" and re.search(r"\bmax_tokens\b", text):  # noqa: S105
        return {"token_field": "max_completion_tokens"}
    return None


def _effort(text: str, now: Capability) -> dict[str, str] | None:
    return {"effort": ""} if now.effort and _EFFORT.search(text) else None


def _cache(text: str, now: Capability) -> dict[str, str] | None:
    return {"cache_control": "false"} if now.cache_control and _CACHE.search(text) else None


def _schema(text: str, now: Capability) -> dict[str, str] | None:
    lower = _LADDER.get(now.schema_mode)
    return {"schema_mode": lower.value} if lower and _SCHEMA.search(text) else None


def remember(memory: Memory, model: Model, new: Mapping[str, str]) -> None:
    """Adds to what is known of a model at its place."""
    memory[model.place] = {**memory.get(model.place, {}), **new}
