"""Arguments that time.sleep and asyncio.sleep treat differently."""

from __future__ import annotations

import ast
import re

from asyncfix import Context, Doubt, Level


def arguments(context: Context) -> tuple[Doubt, ...]:
    """Find arguments that time.sleep and asyncio.sleep treat differently.

    time.sleep raises ValueError for -1 and for nan, OverflowError for inf;
    asyncio.sleep returns at once for -1 and waits for ever for inf (tried on
    CPython 3.9 to 3.13).
    """
    call = context.call
    if len(call.args) != 1 or call.keywords or isinstance(call.args[0], ast.Starred):
        return (
            _differs(
                "takes exactly one positional argument",
                "give asyncio.sleep the number of seconds alone",
            ),
        )
    value = call.args[0]
    if (
        isinstance(value, ast.UnaryOp)
        and isinstance(value.op, ast.USub)
        and isinstance(value.operand, ast.Constant)
        and value.operand.value != 0
    ):
        return (
            _differs(
                "raises ValueError for a negative number, "
                "asyncio.sleep returns at once",
                "mend the number first",
            ),
        )
    if _is_endless(context, value):
        return (
            _differs(
                "raises for nan and inf, asyncio.sleep waits for ever",
                "wait for an asyncio.Event that nobody sets, if that is meant",
            ),
        )
    if isinstance(value, ast.Call):
        made = context.qualified_name(value.func)
        if made in ("decimal.Decimal", "fractions.Fraction"):
            return (
                _differs(
                    "takes what asyncio.sleep does not: a Decimal or Fraction",
                    "convert it with float(...)",
                ),
            )
    return ()


def _is_endless(context: Context, value: ast.expr) -> bool:
    if isinstance(value, ast.UnaryOp):
        value = value.operand
    if isinstance(value, ast.Call) and len(value.args) == 1:
        number = value.args[0]
        return (
            context.qualified_name(value.func) == "builtins.float"
            and isinstance(number, ast.Constant)
            and isinstance(number.value, str)
            and bool(re.match(r"(?i)\s*[+-]?(?:nan|inf)", number.value))
        )
    if isinstance(value, ast.Constant):
        return value.value == float("inf")
    return context.qualified_name(value) in ("math.inf", "math.nan")


def _differs(how: str, advice: str) -> Doubt:
    return Doubt("sleep-argument", Level.MANUAL, f"time.sleep {how}", advice)
