r"""Phrases: the small pattern language of the knowledge base, compiled to bounded regular expressions.

A phrase is plain text that is looked for at word edges, whatever the case:

- ``{table}`` takes a value over into a slot (``SLOTS`` lists the kinds; ``{table}`` may be quoted or not)
- ``...`` skips at most ``GAP`` characters; at most two gaps per phrase, so no text can make it slow
- a quote of any kind fits any other quote, any white space fits any other
- ``^`` at the start: only at the beginning of the text; ``$`` at the end: only at its end; ``*`` at either
  end: no word edge needed there

An *anchor* is a whole word every text with that phrase must contain; the matcher looks phrases up by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

GAP = 90
MAX_PHRASE = 200

_NAME = r"[^\s\"'`´“”‘’«»,;:()<>\[\]{}=]{1,80}"
SLOTS = {
    "attr": r"[\w.$?!\[\]-]{1,60}",
    "code": r"[\w.:-]{1,40}",
    "column": r"[\w.$\"-]{1,80}",
    "constraint": r"[\w.$-]{1,100}",
    "endpoint": r"[\w./:-]{1,120}",
    "host": r"[A-Za-z0-9_](?:[\w.-]{0,98}[A-Za-z0-9_])?",
    "key": r"[^\"'`\s,;<>]{1,60}",
    "limit": r"\d[\d,._]{0,18}(?: ?(?:[KMGT]i?B?|bytes|ms|s|seconds))?",
    "method": r"[\w.$#!?-]{1,80}",
    "name": _NAME,
    "path": r"[^\s\"'`<>|]{1,120}",
    "port": r"\d{2,5}",
    "seconds": r"\d{1,7}(?:\.\d{1,6})?",
    "status": r"[1-5]\d\d",
    "table": r"[\w.$\"-]{1,80}",
    "type": r"[\w.:\\$]{1,80}",
    "url": r"https?://[^\s\"'`<>)\]]{1,200}",
    "value": r"[^\"'`\n]{1,60}",
}
"""What each kind of slot may hold."""

_PART = re.compile(r"\{([a-z]+)\}|(\.\.\.)|([\"'`])|(\s+)")
_WORD = re.compile(r"\w+")
_QUOTE = "[\"'`´“”‘’«»]"


@dataclass(frozen=True)
class Phrase:
    """One phrase of a rule. The regular expression is built when a text first holds an anchor."""

    text: str

    def __post_init__(self) -> None:
        """Raises ``ValueError`` with a sentence on a phrase that cannot be used."""
        if not 2 <= len(self.text) <= MAX_PHRASE:
            raise ValueError(f"phrase {self.text[:40]!r} must have 2 to {MAX_PHRASE} characters")
        if self.text.count("...") > 2:
            raise ValueError(f"phrase {self.text[:40]!r} has more than two gaps")
        for name in re.findall(r"\{(\w*)\}", self.text):
            if name not in SLOTS:
                raise ValueError(f"phrase {self.text[:40]!r} uses the unknown slot {{{name}}}")

    @cached_property
    def anchors(self) -> tuple[str, ...]:
        """Words (lower case) that any text with this phrase holds as whole words."""
        bare = self.text.removeprefix("^").removesuffix("$").lower()
        marked = re.sub(r"\{[a-z]+\}|\.\.\.|\*", "\x01", bare)
        return tuple(
            m.group()
            for m in _WORD.finditer(marked)
            if marked[m.start() - 1 : m.start()] != "\x01" and marked[m.end() : m.end() + 1] != "\x01"
        )

    @cached_property
    def needed(self) -> frozenset[str]:
        """The anchors as a set."""
        return frozenset(self.anchors)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The regular expression; named groups are the slots."""
        body = self.text.strip("^$*")
        start = r"\A\s*" if self.text.startswith("^") else self._edge(self.text, body[0], r"(?<!\w)")
        end = r"\s*\Z" if self.text.endswith("$") else self._edge(self.text[::-1], body[-1], r"(?!\w)")
        return re.compile(start + "".join(_parts(body)) + end, re.IGNORECASE)

    @staticmethod
    def _edge(text: str, outer: str, edge: str) -> str:
        return edge if not text.startswith("*") and (outer.isalnum() or outer == "_") else ""

    def search(self, text: str) -> dict[str, str] | None:
        """The slots found (maybe none), or None where the phrase does not occur."""
        found = self.pattern.search(text)
        return None if found is None else {k: v for k, v in found.groupdict().items() if v}


def _parts(body: str) -> Iterator[str]:
    position, used = 0, set[str]()
    for part in _PART.finditer(body):
        yield re.escape(body[position : part.start()])
        slot, gap, quote, _ = part.groups()
        if slot and slot in used:
            yield f"(?:{SLOTS[slot]})"
        elif slot:
            used.add(slot)
            yield f"(?P<{slot}>{SLOTS[slot]})"
        elif gap:
            yield rf"[\s\S]{{0,{GAP}}}?"
        else:
            yield _QUOTE if quote else r"\s+"
        position = part.end()
    yield re.escape(body[position:])


def words(text: str) -> frozenset[str]:
    """The whole words of a text in lower case, as anchors are compared with."""
    return frozenset(_WORD.findall(text.lower()))
