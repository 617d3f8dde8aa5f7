"""Language models behind one question: adapters are pure, one transport talks, one ladder asks."""

from __future__ import annotations

from collections.abc import Mapping

from app.errors import UserError

from .anthropic import Anthropic
from .base import Adapter, Model, parse_model_id
from .openai import OpenAI

ADAPTERS: Mapping[str, Adapter] = {"openai": OpenAI(), "anthropic": Anthropic()}
"""Provider as in ``TRIAGE_MODEL`` ▸ its adapter. A new dialect is registered here and nowhere else."""


def make_model(model_id: str, *, base_url: str = "", api_key: str = "") -> Model:
    """The model named by ``TRIAGE_MODEL``. Raises UserError for an unknown provider or a bad base URL."""
    provider, name = parse_model_id(model_id)
    adapter = ADAPTERS.get(provider)
    if adapter is None:
        raise UserError(
            f"TRIAGE_MODEL names the provider {provider!r}, which is not known.",
            hint=f"Known providers: {', '.join(sorted(ADAPTERS))}; any compatible endpoint is openai:NAME.",
        )
    url = (base_url or adapter.default_url).strip()
    if not url.startswith(("http://", "https://")):
        raise UserError(
            "The model's base URL must begin with http:// or https://.", hint="E.g. http://localhost:11434/v1"
        )
    return Model(provider, name, url, api_key.strip())
