"""Where settings come from beyond the environment itself, and what people are told when one is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from app.errors import UserError

WHERE_TO_GET = {
    "sentry_client_secret": (
        "Sentry signs webhooks with it: Settings → Developer Settings → your integration → Client Secret."
    ),
    "sentry_auth_token": (
        "Reading and writing issues needs it: Settings → Developer Settings → your integration → New Token."
    ),
    "sentry_org": "The organization's slug, as in https://SLUG.sentry.io or Settings → General.",
    "openai_api_key": "An OpenAI-compatible model needs it: https://platform.openai.com/api-keys.",
    "anthropic_api_key": "An Anthropic model needs it: https://platform.claude.com/settings/keys.",
}


def env(*names: str, **kwargs: Any) -> Any:
    """A field read from the first of ``names`` that is set."""
    return Field(validation_alias=AliasChoices(*names), **kwargs)


def aliases(field: Any, field_name: str) -> tuple[str, ...]:
    alias = field.validation_alias
    return tuple(str(a) for a in alias.choices) if isinstance(alias, AliasChoices) else (field_name.upper(),)


class NamedFiles(PydanticBaseSettingsSource):
    """``NAME_FILE=/run/secrets/x``: the value of NAME is that file's content."""

    def __init__(self, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource) -> None:
        """``sources``: where ``NAME_FILE`` may stand, the strongest last."""
        super().__init__(settings_cls)
        self._vars: dict[str, str | None] = {}
        for source in sources:
            self._vars |= getattr(source, "env_vars", {})

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        for alias in aliases(field, field_name):
            path = self._vars.get(f"{alias.lower()}_file")
            if path:
                try:
                    return Path(path).read_text(encoding="utf-8").strip(), alias, False
                except (OSError, UnicodeDecodeError) as error:
                    why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                    raise UserError(
                        f"{alias}_FILE names {path}, which cannot be read: {why}.",
                        hint=f"Mount the file, or set {alias} itself.",
                    ) from error
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                found[key] = value
        return found
