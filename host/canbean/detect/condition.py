"""Conditions on a result, such as `false_episodes>0` or `attacks.flood.recall<0.9`."""

from __future__ import annotations

import math
import operator
import re
from typing import TYPE_CHECKING, Any

from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

_CONDITION = re.compile(r"\s*(?P<name>[^<>=!]+?)\s*(?P<operator>[<>=!]+)\s*(?P<number>\S+)\s*")


def holds(result: Mapping[str, Any], expression: str) -> bool:
    """Whether a condition `NAME OP NUMBER` holds for a result; OP is one of < <= > >= == !=.

    A name goes down with dots, and a label may have dots itself. A delay that is null is infinite, so that
    `attacks.flood.delay_ms_p95>50` holds when events were missed. Any other null was not measured: of it nothing holds.

    Raises:
        UsageError: not of this form, a name that the result does not have, or one that is no number.
    """
    parts = _CONDITION.fullmatch(expression)
    if parts is None:
        raise UsageError(f"condition {expression!r}: expected NAME OP NUMBER, such as false_episodes>0")
    name, sign = parts["name"], parts["operator"]
    if sign not in OPERATORS:
        raise UsageError(f"condition {expression!r}: {sign!r} is not one of {' '.join(OPERATORS)}")
    try:
        bound = float(parts["number"])
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise UsageError(f"condition {expression!r}: {parts['number']!r} is not a number")
    found = _find(result, name)
    if not found:
        raise UsageError(f"condition {expression!r}: no {name!r} here; there are {_names(result)}")
    value = found[0]
    if value is None:
        if "delay" not in name.rsplit(".", 1)[-1]:
            return False
        value = math.inf
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f"condition {expression!r}: {name!r} is not a number; there are {_names(result)}")
    return OPERATORS[sign](value, bound)


def _find(node: Any, name: str) -> list[Any]:
    """The value under a dotted name, as a list of one, or none; keys may hold dots."""
    if not hasattr(node, "keys"):
        return []
    if name in node:
        return [node[name]]
    for key in node:
        if name.startswith(f"{key}."):
            found = _find(node[key], name[len(key) + 1 :])
            if found:
                return found
    return []


def _names(node: Mapping[str, Any], above: str = "") -> str:
    """The names that a condition can use, in one line; of several attacks the first stands for all."""
    words = []
    for key, value in node.items():
        if hasattr(value, "keys"):
            words += [_names(inner, f"{above}{key}.{label}.") for label, inner in list(value.items())[:1]]
        elif value is None or isinstance(value, (int, float)):
            words.append(f"{above}{key}")
    return " ".join(words)
