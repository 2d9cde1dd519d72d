"""Asking one monitor about one recovery point, and saying how it went: always a value, whatever the monitor does.

What is wrong with the computation (``violated``) is kept apart from what is wrong with the monitor (``failed``) and
from a recovery point that could not be read (``unreadable``, or ``unavailable``: trying again may help).
"""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from cutpoint.errors import StoreError, StoreUnavailable
from cutpoint.monitors.monitor import Check, Complaint
from cutpoint.monitors.recorded import Recorded
from cutpoint.wire.checks import one_line

COMPLAINT_CHARACTERS_MAX = 1000
DETAILS_BYTES_MAX = 8 * 1024
"""What is kept of a complaint, and of its details as JSON; longer ones are cut short, or left out."""

_FOREIGN = (
    str(Path(__file__).parent.parent) + "/",
    *(f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)

Verdict = Literal["well", "violated", "failed", "unreadable", "unavailable"]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. ``complaint``: what is wrong, and with whom says the verdict; ``details``: JSON's own types."""

    cut: int
    verdict: Verdict
    complaint: str = ""
    details: dict[str, Any] = {}


def evaluate(check: Check, cut: int, read: Callable[[], Recorded]) -> Evaluation:
    """Ask ``check`` about what ``read`` returns. Raises nothing but what ends the program, and `MemoryError`."""
    try:
        found: object = check(read())
    except StoreUnavailable as error:
        return Evaluation(cut=cut, verdict="unavailable", complaint=str(error))
    except StoreError as error:
        return Evaluation(cut=cut, verdict="unreadable", complaint=str(error))
    except MemoryError:
        raise
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        what = f"it raised {type(error).__name__}: {one_line(error)}"
        return Evaluation(cut=cut, verdict="failed", complaint=shortened(f"{what}{_place(error)}"))
    if found is None:
        return Evaluation(cut=cut, verdict="well")
    if not isinstance(found, str) or not found.strip():
        what = f"it returned {one_line(repr(found))}, neither None nor a complaint"
        return Evaluation(cut=cut, verdict="failed", complaint=shortened(what))
    details = told(found.details) if isinstance(found, Complaint) else {}
    return Evaluation(cut=cut, verdict="violated", complaint=_one_line(found), details=details)


def shortened(text: str, characters: int = COMPLAINT_CHARACTERS_MAX) -> str:
    """``text``, or its beginning."""
    return text if len(text) <= characters else f"{text[: characters - 3]}..."


def _one_line(complaint: str) -> str:
    """``complaint`` without anything that a terminal would act on."""
    beginning = complaint[: 2 * COMPLAINT_CHARACTERS_MAX]
    return shortened(" ".join("".join(sign if sign.isprintable() else " " for sign in beginning).split()))


def told(details: dict[str, Any]) -> dict[str, Any]:
    """``details`` as JSON says them; what it cannot say, or what is too long, is replaced by a word about that."""
    try:
        data = msgspec.json.encode(details)
        if len(data) > DETAILS_BYTES_MAX:
            return {"left out": f"{len(data)} bytes of details, {DETAILS_BYTES_MAX} are kept"}
        plain: dict[str, Any] = msgspec.json.decode(data)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError, OverflowError) as error:
        return {"left out": f"details that are no JSON: {one_line(error)}"}
    return plain


def _place(error: BaseException) -> str:
    """The last line of the program's own that ``error`` came through."""
    steps = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [step for step in steps[1:] if not step[0].co_filename.startswith(_FOREIGN)] or steps[1:]
    return f", at {own[-1][0].co_filename}:{own[-1][1]} in {own[-1][0].co_qualname}" if own else ""
