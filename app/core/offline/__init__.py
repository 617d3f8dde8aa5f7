"""The offline classifier: embedded knowledge, no key, no network, pure Python.

``classify`` gives the verdict, ``explain`` everything it rests on; ``compile_rules`` adds a team's own rules.
"""

from .engine import Explanation, RuleSet, classify, compile_rules, default_rules, explain
from .rules import Rule

__all__ = ["Explanation", "Rule", "RuleSet", "classify", "compile_rules", "default_rules", "explain"]
