"""What may be asked of the HTTP API: bodies and paths, checked completely before anything acts on them."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec
from aiohttp import web

from cutpoint.names import CutNumber, ProcessName, is_process_name
from cutpoint.wire.checks import check_texts
from cutpoint_coordinator.faults import Refused

BODY_BYTES_MAX = 64 * 1024
"""The longest body that is read."""

NUMBER_MAX = 2**53 - 1
TIMEOUT_SECONDS_MAX = 24 * 3600.0

T = TypeVar("T", bound=msgspec.Struct)


class CutBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take a cut. ``wait``: answer when it has ended, or after ``timeout_seconds``."""

    wait: bool = True
    timeout_seconds: float = 60.0


class VerifyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Read a recovery point back; None: all of them."""

    cut: int | None = None


class RecoveryBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Go back to ``cut`` (None: the last recovery point; 0: the beginning). ``dry_run``: only say what would happen."""

    cut: int | None = None
    dry_run: bool = False
    wait: bool = True
    timeout_seconds: float = 60.0


class ReleaseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Go on without ``process``, which is gone."""

    process: str
    timeout_seconds: float = 60.0


class MarkBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Say something of a recovery point: ``label`` is for the events that have one. ``by``: who says so."""

    event: Literal["label", "unlabel", "pin", "unpin"]
    label: str = ""
    by: str = ""


class CollectionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Collect the store. ``keep``: what stays; empty: as the coordinator was told. ``dry_run``: only say what would go.

    ``per_second``: how many objects are deleted at most in a second; None: as the coordinator was told.
    """

    keep: str = ""
    dry_run: bool = False
    per_second: float | None = None
    by: str = ""


async def body_of(request: web.Request, kind: type[T]) -> T:
    """The request's body; an empty one stands for all defaults. Raises `Refused`."""
    body = await request.read()
    try:
        asked = msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        fields = ", ".join(kind.__struct_fields__)
        raise Refused(
            400,
            "bad_body",
            f"the body is not what {request.path} takes ({error}); nothing was done",
            f"send a JSON object with any of: {fields}",
        ) from error
    who = getattr(asked, "by", "")
    if check_texts(asked, ("by",) if who else ()):
        raise Refused(400, "bad_body", "who asks has no such name; nothing was done", "give `by` as one line of text")
    timeout = getattr(asked, "timeout_seconds", 0.0)
    if not 0 <= timeout <= TIMEOUT_SECONDS_MAX:
        raise Refused(
            400,
            "bad_body",
            f"timeout_seconds is {timeout:g}; nothing was done",
            f"give a number of seconds from 0 to {TIMEOUT_SECONDS_MAX:g}",
        )
    return asked


def number_of(cut: int | None, *, least: int = 1) -> CutNumber | None:
    """A cut's number as it was asked for. Raises `Refused` if no cut can have it."""
    if cut is None:
        return None
    if not least <= cut <= NUMBER_MAX:
        raise Refused(400, "bad_number", f"no cut has the number {cut}; nothing was done", f"give one from {least} on")
    return CutNumber(cut)


def process_of(name: str) -> ProcessName:
    """A process's name as it was asked for. Raises `Refused` if none can have it."""
    if not is_process_name(name):
        raise Refused(
            400,
            "bad_name",
            f"{name[:100]!r} is no process's name; nothing was done",
            "see /v1/topology for those that there are",
        )
    return ProcessName(name)


def number_in_path(request: web.Request) -> CutNumber:
    """The number at the end of the path. Raises `Refused`."""
    text = request.match_info["number"]
    if not text.isascii() or not text.isdecimal() or not 1 <= len(text) <= 15 or int(text) < 1:
        raise Refused(400, "bad_number", f"{text[:50]!r} is no cut's number; nothing was done", "give one from 1 on")
    return CutNumber(int(text))
