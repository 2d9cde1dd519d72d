"""What may be asked of the HTTP API: bodies, queries and paths, checked completely before anything acts on them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from aiohttp import web

from cutpoint.names import CutNumber, ProcessName, is_process_name
from cutpoint.wire.checks import check_texts, one_line
from cutpoint_coordinator.bodies import body_bytes
from cutpoint_coordinator.faults import Refused

NUMBER_MAX = 2**53 - 1
TIMEOUT_SECONDS_MAX = 24 * 3600.0

WAIT_SECONDS_MAX = 300.0
"""For how long a question may be held back until there is something to say."""

PAGE_MAX = 1000
"""How many things one page has at most, and by default."""

T = TypeVar("T", bound=msgspec.Struct)

Seconds = Annotated[float, msgspec.Meta(extra_json_schema={"minimum": 0, "maximum": TIMEOUT_SECONDS_MAX})]
Number = Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": NUMBER_MAX})]
NumberOrNone = Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 0, "maximum": NUMBER_MAX})]


class NoQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A route without parameters."""


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One page of a list: at most ``limit`` things that come ``after`` the one of this number.

    Ascending by number, or descending if ``newest_first``. ``next`` of an answer is the ``after`` of the next page.
    """

    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = PAGE_MAX
    after: Annotated[int, msgspec.Meta(ge=0, le=NUMBER_MAX)] | None = None
    newest_first: bool = False


class NoticesQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One page of notices. ``kind``: only these, words with commas between: each a kind, or the first words of some."""

    kind: str = ""


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events. ``kind``: only these, words with commas between: each a kind, or the first words of some."""

    kind: str = ""


class WaitQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many seconds the answer may be held back until what is asked for is over."""

    wait: Annotated[float, msgspec.Meta(ge=0, le=WAIT_SECONDS_MAX)] = 0.0


class CutBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take a cut. ``wait``: answer when it has ended, or after ``timeout_seconds``."""

    wait: bool = True
    timeout_seconds: Seconds = 60.0


class VerifyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Read a recovery point back; None: all of them."""

    cut: Number | None = None


class RecoveryBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Go back to ``cut`` (None: the last recovery point; 0: the beginning). ``dry_run``: only say what would happen."""

    cut: NumberOrNone | None = None
    dry_run: bool = False
    wait: bool = True
    timeout_seconds: Seconds = 60.0


class ReleaseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Go on without ``process``, which is gone."""

    process: str
    timeout_seconds: Seconds = 60.0


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
    body = await body_bytes(request)
    try:
        asked = msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        fields = ", ".join(kind.__struct_fields__)
        raise Refused(
            400,
            "bad_body",
            f"the body is not what {request.path} takes ({one_line(error)}); nothing was done",
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


def query_of(request: web.Request, kind: type[T]) -> T:
    """The request's query parameters. Raises `Refused` for one that is unknown, given twice, or of another kind."""
    given = request.query
    known = [field.encode_name for field in msgspec.structs.fields(kind)]
    strange = [name for name in dict.fromkeys(given) if name not in known or len(given.getall(name)) > 1]
    try:
        if strange:
            raise ValueError(f"{one_line(strange[0])[:50]!r} is none of its parameters, or was given twice")
        nothing = [name for name, value in given.items() if value.lower() == "null"]
        if nothing:  # msgspec would take the word for None
            raise ValueError(f"{nothing[0]} is null; leave it out")
        return msgspec.convert(dict(given), type=kind, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        remedy = f"give any of: {', '.join(known)}, each once" if known else "ask without parameters"
        message = f"the query is not what {request.path[:200]} takes ({one_line(error)}); nothing was done"
        raise Refused(400, "bad_query", message, remedy) from error


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


def number_in_path(request: web.Request, name: str = "number") -> CutNumber:
    """The number in the path. Raises `Refused`."""
    text = request.match_info[name]
    if not text.isascii() or not text.isdecimal() or not 1 <= len(text) <= 15 or int(text) < 1:
        raise Refused(400, "bad_number", f"{text[:50]!r} is no such number; nothing was done", "give one from 1 on")
    return CutNumber(int(text))
