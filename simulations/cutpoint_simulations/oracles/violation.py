"""What an oracle says when a claim does not hold."""

from __future__ import annotations

import msgspec


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """``oracle`` is whose claim it is. ``cut``, ``process`` and ``channel`` name the thing, as far as there is one.

    ``evidence``: what the complaint is about, in lines for people; empty where the complaint says it all.
    """

    oracle: str
    complaint: str
    at: float = 0.0
    """When it was noticed, in virtual seconds."""
    cut: int = 0
    process: str = ""
    channel: str = ""
    evidence: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"cut {self.cut}: " if self.cut else ""
        return f"{self.oracle}: {where}{self.complaint}"
