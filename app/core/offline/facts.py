"""What rules look at: a digest taken apart once into types, words, codes, frames and circumstances."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from app.core.digest import Digest, ExceptionInfo, Frame

from .codes import codes_in
from .phrases import words

INNERMOST = 5
"""Frames next to the crash that count as where it was raised."""

_SEPARATORS = re.compile(r"[.\\/:$]+|\s+")
_TAIL = re.compile(r"[<(\[]")
"""Type arguments and codes: ``Repository<User>``, ``DiscordAPIError[50001]``, ``Error [ERR_INVALID_URL]``."""
_BRACKET = re.compile(r"\[(\w{2,40})\]")
_TYPE_TOKEN = re.compile(r"[\w.:\\$]{5,120}")
_TYPE_ENDS = ("error", "exception", "fault", "timeout", "failure", "violation", "rejection", "denied")


def split_type(name: str) -> tuple[str, ...]:
    """``Doctrine\\DBAL\\Driver\\PDOException`` → ``("doctrine", "dbal", "driver", "pdoexception")``."""
    name = _TAIL.split(name.strip(" *&:\\.\"'"), maxsplit=1)[0]
    return tuple(part for part in _SEPARATORS.split(name.lower()) if part)


def frame_line(frame: Frame) -> str:
    """One line that holds all names of a frame: file, module, function."""
    return f"{frame.filename} {frame.module} {frame.function}".strip()


@dataclass(frozen=True)
class Item:
    """One exception of the chain, or the log message, under the lens."""

    index: int
    """Position in the chain, 0 = root cause; -1 for a log message."""
    type: str
    message: str
    segments: tuple[str, ...]
    """Namespace and name of the type, lower case: ``("redis", "exceptions", "connectionerror")``."""
    frames: tuple[Frame, ...]

    @property
    def name(self) -> str:
        return self.segments[-1] if self.segments else ""

    @cached_property
    def words(self) -> frozenset[str]:
        return words(self.message)

    @cached_property
    def codes(self) -> frozenset[str]:
        return codes_in(self.message) | codes_in(self.type)

    @cached_property
    def where(self) -> str:
        """The innermost frames as text."""
        return "\n".join(frame_line(frame) for frame in self.frames[-INNERMOST:])

    @cached_property
    def where_words(self) -> frozenset[str]:
        return words(self.where)

    @cached_property
    def embedded(self) -> tuple[tuple[str, ...], ...]:
        """Types named inside the message: ``RetryError[... raised RateLimitError]``."""
        return tuple(_types_in(self.message))

    def place(self, part: str) -> str:
        """The evidence id: ``exception:1.value``, ``message``."""
        return "message" if self.index < 0 else f"exception:{self.index}.{part}"


def _types_in(text: str) -> Iterator[tuple[str, ...]]:
    seen = 0
    for token in _TYPE_TOKEN.findall(text[:1500]):
        token = token.strip(".:\\")
        if token.lower().endswith(_TYPE_ENDS) and any(c.isupper() for c in token) and seen < 8:
            seen += 1
            yield split_type(token)


@dataclass(frozen=True)
class Facts:
    """The whole event."""

    digest: Digest
    items: tuple[Item, ...]
    """Root cause first."""

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """The frames nearest to the root cause that has any."""
        return next((item.frames for item in self.items if item.frames), self.digest.frames)

    @cached_property
    def stack(self) -> str:
        """All frames as text."""
        listed = [frame for item in self.items for frame in item.frames] or list(self.digest.frames)
        return "\n".join(frame_line(frame) for frame in listed[-80:])

    @cached_property
    def text(self) -> str:
        """Types and messages of the whole chain."""
        return "\n".join((self.digest.title, *(f"{item.type}: {item.message}" for item in self.items)))

    @cached_property
    def code(self) -> str:
        """The source line that failed and the innermost line of our own code."""
        own = [frame.context_line for frame in self.frames if frame.in_app and frame.context_line][-1:]
        last = [frame.context_line for frame in self.frames[-1:] if frame.context_line]
        return "\n".join([*own, *last])

    @cached_property
    def place(self) -> str:
        """Where in the program: transaction, culprit, logger, URL, job tags."""
        d = self.digest
        named = (d.transaction, d.culprit, d.logger, d.request_url, d.tags.get("url", ""))
        return "\n".join(filter(None, (*named, *d.tags.keys(), d.contexts.get("trace", ""))))

    @property
    def raised_in_app(self) -> bool | None:
        """Whether the innermost frame is our own code; None where there are no frames."""
        return self.frames[-1].in_app if self.frames else None


def look(digest: Digest) -> Facts:
    """Take a digest apart."""
    found = tuple(_item(i, one) for i, one in enumerate(digest.exceptions) if one.type or one.value)
    if not found:
        text = "\n".join(filter(None, (digest.message or digest.title, digest.tags.get("error", ""))))
        found = (Item(-1, "", text, (), digest.frames),)
    return Facts(digest, found)


def _item(index: int, one: ExceptionInfo) -> Item:
    segments = split_type(one.type)
    space = split_type(one.module)
    if space and segments[: len(space)] != space:
        segments = (*space, *segments)
    code = _BRACKET.search(one.type)
    message = f"{one.value} [{code.group(1)}]" if code else one.value
    return Item(index, one.type, message, segments, one.frames)
