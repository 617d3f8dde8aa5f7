"""The shapes every adapter speaks: request and response as data, a completion, its usage, what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from app.core.prompt import Prompt
from app.errors import UserError

if TYPE_CHECKING:
    from .capabilities import Capability


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One POST. Headers hold the key and the body the prompt: neither is in the repr."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Header names are lower-case."""

    status: int
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    body: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens. ``cached``: the part of ``input`` read from a cache; ``estimated``: the server said nothing."""

    input: int = 0
    output: int = 0
    cached: int = 0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.estimated or other.estimated,
        )


class Finish(StrEnum):
    """Why a model stopped."""

    STOP = "stop"
    LENGTH = "length"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Completion:
    """What a server answered. ``model`` is the id it names, which may differ from the one asked."""

    text: str = field(repr=False)
    finish: Finish
    usage: Usage
    model: str = ""
    request_id: str = ""


class CallFault(StrEnum):
    """Everything that is wrong with a call before there is an answer to read."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    RATE_LIMITED = "rate-limited"
    SERVER_ERROR = "server-error"
    TOO_LARGE = "too-large"
    KEY_REJECTED = "key-rejected"
    QUOTA_SPENT = "quota-spent"
    MODEL_NOT_FOUND = "model-not-found"
    BAD_REQUEST = "bad-request"
    REDIRECTED = "redirected"


@dataclass(frozen=True, slots=True)
class Model:
    """Whom to ask (``TRIAGE_MODEL=provider:name``), where, and with which key."""

    provider: str
    name: str
    base_url: str
    api_key: str = field(repr=False, default="")

    @property
    def id(self) -> str:
        return f"{self.provider}:{self.name}"

    @property
    def place(self) -> str:
        """What a learned capability holds for: the same name at another host may take other parameters."""
        return f"{self.id}@{urlsplit(self.base_url).netloc.rpartition('@')[2]}"


class Adapter(Protocol):
    """One API dialect, without I/O."""

    default_url: str

    def build_request(
        self, model: Model, prompt: Prompt, capability: Capability, *, max_tokens: int
    ) -> HttpRequest:
        """The request for one prompt."""

    def parse(self, response: HttpResponse) -> Completion:
        """Reads a 2xx. Raises :class:`app.core.answer.BadAnswer`: a page, an error object, nothing."""


def parse_model_id(text: str) -> tuple[str, str]:
    """``openai:gpt-6-luna`` ▸ its two halves; a name may hold colons (``llama3:8b``). Raises UserError."""
    provider, colon, name = text.strip().partition(":")
    if not colon or not name.strip() or any(c.isspace() for c in name.strip()):
        raise UserError(
            f"TRIAGE_MODEL is {text!r}, which names no model.",
            hint="Use openai:NAME, anthropic:NAME or offline, e.g. openai:gpt-6-luna.",
        )
    return provider.lower(), name.strip()
