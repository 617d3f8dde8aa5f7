"""Reading JSON nobody vouches for: every accessor takes anything and gives back the shape asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SAFE_INT = 10**18
_EMPTY: Mapping[str, Any] = {}


class Reader:
    """Bounded accessors over untrusted JSON. ``cut`` turns True once anything had to be shortened."""

    def __init__(self) -> None:
        self.cut = False

    def text(self, value: object, limit: int) -> str:
        """A string of at most ``limit`` characters, encodable as UTF-8 and without NUL; else ``""``.

        Lone surrogates (legal in JSON, fatal in a database or a socket) become ``?``.
        """
        if not isinstance(value, str):
            return scalar(value)
        if len(value) > limit:
            self.cut = True
            value = value[:limit]
        if not value.isascii():
            value = value.encode("utf-8", "replace").decode("utf-8")
        return value.replace("\x00", "") if "\x00" in value else value

    def ends(self, values: Sequence[Any], head: int, tail: int) -> Sequence[Any]:
        """The first ``head`` and the last ``tail`` of ``values``, in their order."""
        if len(values) <= head + tail:
            return values
        self.cut = True
        return [*values[:head], *values[len(values) - tail :]]


def scalar(value: object) -> str:
    """A number or truth value as text, else ``""``. Integers that Python refuses to print are left out."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -_SAFE_INT < value < _SAFE_INT else ""
    return repr(value) if isinstance(value, float) else ""


def mapping(value: object) -> Mapping[str, Any]:
    """``value`` if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else _EMPTY


def items(value: object) -> Sequence[Any]:
    """``value`` if it is a list or tuple, else an empty one."""
    return value if isinstance(value, list | tuple) else ()


def pair(value: object) -> tuple[Any, Any]:
    """The two members of a two-element list, else ``(None, None)``."""
    listed = items(value)
    return (listed[0], listed[1]) if len(listed) == 2 else (None, None)


def values_of(value: object) -> Sequence[Any]:
    """Sentry's list containers: ``{"values": [...]}``, a bare list, or one bare mapping."""
    if isinstance(value, Mapping):
        inner = value.get("values")
        return items(inner) if inner is not None else ([value] if value else ())
    return items(value)


def truth(value: object) -> bool | None:
    """A JSON boolean, also written as ``yes``/``no`` or ``true``/``false``; None when it is neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.lower())
    return None


def whole(value: object) -> int | None:
    """A non-negative line number or count, else None."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _SAFE_INT:
        return None
    return value


def bare_url(url: str) -> str:
    """``url`` without query, fragment and credentials."""
    for mark in ("?", "#"):
        url = url.partition(mark)[0]
    scheme, sep, rest = url.partition("://")
    if not sep:
        return url
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
