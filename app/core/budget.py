"""Whether the next call to a model may be paid: plain sums in, a decision and its reason out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ceilings:
    """US dollars; None: no ceiling. Zero: no call at all."""

    day: float | None = None
    month: float | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """Dollars of today and of this calendar month (UTC), calls that are under way included."""

    today: float = 0.0
    month: float = 0.0

    def may_spend(self, estimate: float, ceilings: Ceilings) -> tuple[bool, str]:
        """Whether a call of about ``estimate`` dollars fits under both ceilings, and why not."""
        for name, spent, ceiling in (
            ("today", self.today, ceilings.day),
            ("this month", self.month, ceilings.month),
        ):
            if ceiling is None:
                continue
            if ceiling <= 0 or spent + max(0.0, estimate) > ceiling:
                return False, f"budget spent: ${spent:.2f} of ${ceiling:.2f} {name}"
        return True, "within budget"

    def remaining(self, ceilings: Ceilings) -> float | None:
        """Dollars until the nearer ceiling; None without one."""
        left = [c - s for c, s in ((ceilings.day, self.today), (ceilings.month, self.month)) if c is not None]
        return max(0.0, min(left)) if left else None
