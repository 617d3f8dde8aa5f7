"""Finds the rules that fit an event: looked up by words and names, never tried one after the other.

A rule set is compiled once into dictionaries (type name → rules, anchor word → phrases, code → rules).
Matching costs one look-up per word of the event, whatever the number of rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .circumstances import Circumstances
from .facts import Facts, Item
from .index import PhraseIndex, TypeIndex, type_fits
from .phrases import Phrase
from .rules import Conditions, Rule, TypePattern

EMBEDDED = 0.7
"""What a type named inside a message counts, against the type of the exception itself."""


@dataclass(frozen=True)
class Hit:
    """One rule seen in one place."""

    rule: Rule
    item: Item
    part: str
    """``type``, ``value``, ``frame``."""
    seen: str
    strength: float
    """0–1: how directly it was seen."""
    slots: dict[str, str] = field(default_factory=dict)


class Matcher:
    """A compiled rule set."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._types = TypeIndex((one, rule) for rule in self.rules for one in rule.types)
        self._messages = PhraseIndex((one, rule) for rule in self.rules for one in rule.messages)
        self._frames = PhraseIndex((one, rule) for rule in self.rules for one in rule.frames)
        self._codes: dict[str, list[Rule]] = defaultdict(list)
        for rule in self.rules:
            for code in rule.codes:
                self._codes[code.lower()].append(rule)

    def hits(self, facts: Facts, circumstances: Circumstances) -> list[Hit]:
        """Every rule that fits, the strongest sight of each per exception."""
        found = [
            hit
            for item in facts.items
            for hit in _strongest(self._sights(item)).values()
            if holds(hit.rule.require, facts, item, circumstances)
            and not fails(hit.rule.unless, facts, item, circumstances)
        ]
        known = {hit.rule.id for hit in found}
        return [hit for hit in found if _accompanied(hit.rule, known)]

    def _sights(self, item: Item) -> Iterator[Hit]:
        for rule, fit in self._types.search(item.segments, item.where_words):
            yield Hit(rule, item, "type", item.type, fit)
        for embedded in item.embedded:
            for rule, fit in self._types.search(embedded, item.where_words):
                yield Hit(rule, item, "value", embedded[-1], fit * EMBEDDED)
        for phrase, rule, slots in self._messages.search(item.message, item.words):
            yield Hit(rule, item, "value", phrase.text, 1.0, slots)
        for code in sorted(item.codes):
            for rule in self._codes.get(code, ()):
                yield Hit(rule, item, "value", code, 1.0, {"status": code[5:]} if code[:5] == "http:" else {})
        for phrase, rule, slots in self._frames.search(item.where, item.where_words):
            yield Hit(rule, item, "frame", phrase.text, 0.9, slots)


def _accompanied(rule: Rule, known: set[str]) -> bool:
    wanted = rule.require.also
    return not wanted or any(one != rule.id and one.startswith(wanted) for one in known)


def _strongest(sights: Iterable[Hit]) -> dict[str, Hit]:
    best: dict[str, Hit] = {}
    for hit in sights:
        known = best.get(hit.rule.id)
        if known is None:
            best[hit.rule.id] = hit
            continue
        first, other = (hit, known) if hit.strength > known.strength else (known, hit)
        slots = {**other.slots, **first.slots}
        best[hit.rule.id] = Hit(first.rule, first.item, first.part, first.seen, first.strength, slots)
    return best


def _any_phrase(phrases: tuple[Phrase, ...], text: str) -> bool:
    lowered = text.lower()
    return any(
        all(word in lowered for word in phrase.anchors) and phrase.search(text) is not None
        for phrase in phrases
    )


def _type_fits(patterns: tuple[TypePattern, ...], item: Item) -> bool:
    return any(type_fits(pattern, item.segments, item.where_words) for pattern in patterns)


def _checks(c: Conditions, facts: Facts, item: Item, now: Circumstances) -> Iterator[bool]:
    """Each named condition in turn, cheap ones first: True where it holds."""
    digest = facts.digest
    if c.platform:
        yield digest.platform in c.platform
    if c.level:
        yield digest.level in c.level
    if c.environment:
        yield digest.environment.lower() in c.environment
    if c.bare is not None:
        yield (item.message.strip(" .:").lower() in ("", item.name, item.type.lower())) is c.bare
    if c.raised_in:
        yield {True: "app", False: "library", None: ""}[facts.raised_in_app] in c.raised_in
    if c.code:
        yield any(code in item.codes for code in c.code)
    if c.type:
        yield _type_fits(c.type, item)
    if c.signal:
        yield any(now.holds(name) for name in c.signal)
    for phrases, text in (
        (c.message, item.message),
        (c.any_message, facts.text),
        (c.frame, item.where or "\n".join(str(frame.filename) for frame in facts.frames[-5:])),
        (c.stack, facts.stack),
        (c.line, facts.code),
        (c.place, facts.place),
    ):
        if phrases:
            yield _any_phrase(phrases, text)


def holds(conditions: Conditions, facts: Facts, item: Item, now: Circumstances) -> bool:
    """Whether every named condition holds."""
    return not conditions.model_fields_set or all(_checks(conditions, facts, item, now))


def fails(conditions: Conditions, facts: Facts, item: Item, now: Circumstances) -> bool:
    """Whether any named condition holds."""
    return bool(conditions.model_fields_set) and any(_checks(conditions, facts, item, now))
