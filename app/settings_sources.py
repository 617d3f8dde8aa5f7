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


def _content(name: str, path: Path) -> str:
    """The text of the file that ``NAME_FILE`` names. Raises ``UserError``."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UserError(
            f"{name}_FILE names {path}, which cannot be read: {reason}.",
            hint=f"Mount the file, or set {name} itself.",
        ) from None


class NamedFiles(PydanticBaseSettingsSource):
    """``NAME_FILE=/run/secrets/x``: the value of NAME is that file's content.

    ``names``: where NAME_FILE is looked for, the environment or ``.env``.
    """

    def __init__(self, settings_cls: type[BaseSettings], names: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._vars: dict[str, str | None] = dict(getattr(names, "env_vars", {}))

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        # Always under the first name, as the other sources give it: the merge goes by names.
        known = aliases(field, field_name)
        for alias in known:
            path = self._vars.get(f"{alias.lower()}_file")
            if path:
                return _content(alias, Path(path)), known[0], False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                found[key] = value
        return found
