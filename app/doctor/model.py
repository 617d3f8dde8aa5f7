"""Checks of the language model, where one is configured: one small question, its price and its end."""

from __future__ import annotations

import secrets
import time

from app.core.budget import Ceilings
from app.core.digest import digest_event
from app.core.offline import classify
from app.core.prompt import build_prompt
from app.models.ask import Asked, ask
from app.models.base import Model
from app.models.capabilities import capability_of
from app.services import configured_model
from app.store.clock import utc_now

from .clinic import Clinic
from .registry import Finding, check, fail, ok, skip, warn

SAMPLE = {
    "platform": "python",
    "exception": {"values": [{"type": "ConnectionRefusedError", "value": "[Errno 111] Connection refused"}]},
}
"""What the model is asked about: nothing of anybody's."""

OFFLINE = "offline: no model is asked and nothing leaves this machine"


def _model(clinic: Clinic) -> Model | None:
    return configured_model(clinic.settings)


@check("model", needs=["rules"])
def model(clinic: Clinic) -> Finding:
    """The model answers, in the agreed shape. Costs one small question."""
    chosen = _model(clinic)
    if chosen is None:
        return ok(OFFLINE)
    services = clinic.services
    digest = digest_event(SAMPLE)
    prompt = build_prompt(digest, classify(digest, services.rules), nonce=secrets.token_hex(8))
    began = time.monotonic()
    answer = ask(
        chosen, prompt, send=services.send_to_model, memory={}, overrides=clinic.policy.models, within=30.0
    )
    seconds = time.monotonic() - began
    if not isinstance(answer, Asked):
        return fail(
            f"{chosen.id} did not answer: {answer.reason}",
            "Check TRIAGE_MODEL, its key and its base URL; until then the offline classifier decides.",
        )
    mended = ", after one repair" if answer.repaired else ""
    cost = f"${answer.spent.cost_usd:.5f}"
    return ok(f"{answer.model} answered in {seconds:.1f} s as {answer.schema_mode}{mended}, {cost}")


@check("model-end", needs=["rules"])
def model_end(clinic: Clinic) -> Finding:
    """The provider has announced no end of the model for the next 60 days."""
    chosen = _model(clinic)
    if chosen is None:
        return skip("offline")
    ending = capability_of(chosen, clinic.policy.models).ending(utc_now().date())
    return warn(ending, "docs/model.md names the models we have tried.") if ending else ok("none announced")


@check("model-price", needs=["rules"])
def model_price(clinic: Clinic) -> Finding:
    """The model's price is known, so that the ceilings hold."""
    chosen = _model(clinic)
    if chosen is None:
        return skip("offline")
    known = capability_of(chosen, clinic.policy.models)
    if known.price_date is None:
        return warn(
            f"the price of {chosen.id} is not known and counts as zero: no ceiling holds",
            f'Write it into triage.toml: [models."{chosen.id}"] price_in, price_out, price_date.',
        )
    return ok(f"${known.price_in:g} in, ${known.price_out:g} out a million tokens, as of {known.price_date}")


@check("model-budget", needs=["rules", "database"])
def model_budget(clinic: Clinic) -> Finding:
    """There is money left for model calls."""
    if _model(clinic) is None:
        return skip("offline")
    settings = clinic.settings
    ceilings = Ceilings(day=settings.triage_budget_usd_day, month=settings.triage_budget_usd_month)
    left = clinic.store.calls.ledger().remaining(ceilings) or 0.0
    if left <= 0:
        return warn(
            "the budget is spent: the offline classifier decides alone",
            "Raise TRIAGE_BUDGET_USD_DAY or TRIAGE_BUDGET_USD_MONTH, or wait.",
        )
    return ok(f"${left:.2f} left")
