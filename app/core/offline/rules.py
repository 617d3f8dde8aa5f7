"""Rules: what a failure looks like, what it means, and what to say about it. Data in, checked values out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.core.vocabulary import Category, Severity
from app.errors import UserError

from .circumstances import SIGNALS
from .facts import split_type
from .phrases import SLOTS, Phrase
from .wording import check_template

MAX_WEIGHT = 12.0
HINT = "docs/rules.md lists the keys a rule may have, with examples."


@dataclass(frozen=True)
class TypePattern:
    """``Name``, ``namespace.Name``, ``namespace.*`` (everything in it) or ``*Suffix``."""

    text: str

    def __post_init__(self) -> None:
        """Raises ``ValueError`` on a pattern that could not fit anything in particular."""
        stem = self.text.removeprefix("*")
        if stem == self.text:
            stem = re.sub(r"(\.|::|\\\\)\*$", "", self.text)
        if "*" in stem or not split_type(stem) or len(self.text) > 200:
            raise ValueError(f"type {self.text!r} must be a name, namespace.Name, namespace.* or *Suffix")

    @cached_property
    def suffix(self) -> str:
        """What the name must end with, for ``*Suffix``; else empty."""
        return self.text[1:].lower() if self.text.startswith("*") else ""

    @cached_property
    def name(self) -> str:
        """The lower-case name to look up; ``*`` for a whole namespace."""
        return "*" if self.text.endswith("*") else split_type(self.text)[-1]

    @cached_property
    def space(self) -> tuple[str, ...]:
        """The namespace's segments."""
        parts = split_type(self.text.removesuffix("*"))
        return parts if self.name == "*" else parts[:-1]


def _strings(value: object) -> tuple[str, ...]:
    listed = (value,) if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str) for one in listed):
        raise ValueError("must be a text or a list of texts")
    return tuple(listed)


Listed = Annotated[tuple[str, ...], BeforeValidator(_strings)]
Lowered = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: tuple(one.lower() for one in _strings(value)))
]
"""Compared with values that are lower case."""
Types = Annotated[
    tuple[TypePattern, ...], BeforeValidator(lambda value: tuple(map(TypePattern, _strings(value))))
]
Phrases = Annotated[tuple[Phrase, ...], BeforeValidator(lambda value: tuple(map(Phrase, _strings(value))))]


class Conditions(BaseModel):
    """Circumstances. In ``require`` every one named must hold, in ``unless`` none may."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    platform: Lowered = ()
    type: Types = ()
    message: Phrases = ()
    any_message: Phrases = ()
    """Anywhere in the chain's types and messages."""
    code: Lowered = ()
    frame: Phrases = ()
    """In one of the innermost frames."""
    stack: Phrases = ()
    """In any frame."""
    line: Phrases = ()
    """In the failing source line."""
    place: Phrases = ()
    """In the transaction, culprit, logger, URL or a tag's key."""
    environment: Lowered = ()
    level: Lowered = ()
    signal: Listed = ()
    raised_in: Listed = ()
    """``app`` or ``library``: where the innermost frame is."""
    also: Listed = ()
    """Ids (or beginnings of ids) of rules one of which must be seen in the same event as well."""
    bare: bool | None = None
    """Whether the message is empty or only repeats the type."""


class Rule(BaseModel):
    """One kind of failure. It is seen when a type, message, code or frame fits and the conditions hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,60}$")
    category: Category
    weight: float = Field(default=4.0, gt=0, le=MAX_WEIGHT)
    says: str = Field(default="", max_length=160)
    """What it means, for the evidence list."""
    cause: str = Field(default="", max_length=400)
    """Template of the root cause: slots in braces, an optional part in brackets, alternatives apart by ``|``:
    the first that can be filled is used."""
    fix: str = Field(default="", max_length=500)
    severity: Severity | None = None
    """Severity of this kind before circumstances; none: the category's usual one."""
    immediate: bool | None = None
    """True where the cause persists by itself for all users."""
    stands: bool = False
    """True where a warning level or a handled mechanism does not make it harmless."""
    anywhere: bool = False
    """True where it decides from any place of the chain, not only as root cause."""
    generic: bool = False
    """True where it names the layer, not the fault: its words give way to any other rule of the category."""
    types: Types = ()
    messages: Phrases = ()
    codes: Listed = ()
    frames: Phrases = ()
    details: Phrases = ()
    """Read only once the rule fits, to fill slots: ``^'{key}'$`` for a KeyError."""
    require: Conditions = Conditions()
    unless: Conditions = Conditions()
    decides: bool = False
    """True where its category wins whatever embedded rules say: a team's rule that names no weight."""
    team: bool = False

    def model_post_init(self, _context: object) -> None:
        """Raises ``ValueError`` on a rule that can never be seen or says what it cannot know."""
        if not (self.types or self.messages or self.codes or self.frames):
            raise ValueError("needs at least one of types, messages, codes, frames")
        if self.unless.also:
            raise ValueError("also may stand in require only")
        for phrase in (*self.messages, *self.frames):
            if not phrase.anchors:
                raise ValueError(f"phrase {phrase.text[:40]!r} has no whole word to look it up by")
        for template in (self.cause, self.fix):
            check_template(template, frozenset(SLOTS))
        for name in (*self.require.signal, *self.unless.signal):
            if name not in SIGNALS:
                raise ValueError(f"unknown signal {name!r}; known: {', '.join(sorted(SIGNALS))}")


def parse_rule(table: Mapping[str, Any], source: str, *, team: bool = False) -> Rule:
    """One ``[[rule]]`` table. Raises ``UserError`` with a sentence that names the rule and the mistake."""
    if not isinstance(table, Mapping):
        raise _unusable("that is no table", source, "it is not a table")
    named = str(table.get("id", "without id"))[:80]
    for key in ("decides", "team"):
        if key in table:
            raise _unusable(named, source, f"{key}: no key of a rule")
    decides = "weight" not in table
    defaults = {"weight": MAX_WEIGHT, "decides": decides, "team": True, "anywhere": True} if team else {}
    try:
        return Rule.model_validate({**defaults, **table})
    except ValidationError as error:
        raise _unusable(named, source, _first(error)) from error


def _unusable(named: str, source: str, reason: str) -> UserError:
    return UserError(f"The rule {named!r} in {source} is not usable: {reason}.", hint=HINT)


def _first(error: ValidationError) -> str:
    one = error.errors()[0]
    place = ".".join(str(part) for part in one["loc"])
    return f"{place + ': ' if place else ''}{str(one['msg']).removeprefix('Value error, ').rstrip('.')}"
