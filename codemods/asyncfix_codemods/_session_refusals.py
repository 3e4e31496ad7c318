"""How refusals of session-per-request are made."""

from __future__ import annotations

from asyncfix import Doubt, Level


def refusal(guard: str, reason: str, advice: str) -> Doubt:
    """Give a doubt that refuses the fix."""
    return Doubt(guard, Level.MANUAL, reason, advice)


def escapes(reason: str) -> Doubt:
    """Give the refusal for a session or response that leaves its block."""
    advice = "keep the session, and what it gives, inside one `async with`"
    return refusal("session-escapes", reason, advice)
