"""Turns of phrase that the coordinator's texts for people share: several processes are, one process is."""

from __future__ import annotations

from collections.abc import Sequence

from cutpoint.names import BEGINNING, CutNumber, ProcessName


def naming(names: Sequence[ProcessName], one: str, more: str) -> str:
    """``a is gone``, ``a, b are gone``."""
    return f"{first_few(names, joint=', ')} {one if len(names) == 1 else more}"


FEW = 10
"""How many of many things a text for people names."""

TEXT_MAX = 4000
"""The longest that such a text becomes, in characters: it travels to every process."""


def first_few(phrases: Sequence[str], *, joint: str = "; ") -> str:
    """The first of these phrases, and how many more there are."""
    more = f"{joint}and {len(phrases) - FEW} more" if len(phrases) > FEW else ""
    text = joint.join(phrases[:FEW]) + more
    return text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "..."


def release_of(names: Sequence[ProcessName]) -> str:
    """What to do about processes that will not come back."""
    if len(names) == 1:
        return f"`cutpoint release {names[0]}` if it will not come back"
    return "`cutpoint release NAME` for each that will not come back"


def was_collected(cut: CutNumber) -> str:
    """What became of a recovery point that is no more, and what to do."""
    return (
        f"recovery point {cut} was collected: retention kept it no longer; nothing was changed; "
        "`cutpoint points` lists those that there are"
    )


def asked_for(target: CutNumber) -> str:
    """Why a recovery begins that somebody has asked for."""
    title = "the beginning" if target == BEGINNING else f"recovery point {target}"
    return f"{title} was asked for"


def last_resort(cut: CutNumber) -> str:
    """What is left to do when all recovery points down from ``cut`` are marked as damaged; from 0: begin anew."""
    if cut == BEGINNING:
        return "`cutpoint recover 0` begins anew"
    return (
        f"`cutpoint verify` says whose bytes are sound, `cutpoint recover {cut}` tries that one again, "
        "and only then `cutpoint recover 0` begins anew"
    )
