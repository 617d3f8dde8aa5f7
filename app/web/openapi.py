"""``GET /openapi.json``: the routes for machines, as far as this process has them."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

from flask import Blueprint, Response, current_app, jsonify

_VARIABLE = re.compile(r"<(?:[^:<>]*:)?([^<>]+)>")


def description() -> dict[str, Any]:
    """The whole description, as ``openapi.json`` beside this file says it."""
    text = resources.files(__package__).joinpath("openapi.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def template(rule: str) -> str:
    """``/a/<int:b>`` as OpenAPI writes it: ``/a/{b}``."""
    return _VARIABLE.sub(r"{\1}", rule)


def blueprint() -> Blueprint:
    bp = Blueprint("openapi", __name__)

    @bp.get("/openapi.json")
    def openapi() -> Response:
        there = {template(rule.rule) for rule in current_app.url_map.iter_rules()}
        whole = description()
        paths = {path: what for path, what in whole["paths"].items() if path in there}
        return jsonify(whole | {"paths": paths})

    return bp
