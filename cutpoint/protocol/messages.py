"""What travels: frames between two agents, and the conversation of an agent with the coordinator.

Every frame carries the ``incarnation`` and the ``cut`` of its sender (the number of the last cut that the
sender has recorded when the frame belongs to it), so that nobody acts on news from after a cut that they have
not recorded. `Credit` alone is exempt: it permits transmission and no recorded fact depends on it.

The structs are arrays on the wire (see `cutpoint.wire`), tagged with small integers; fields are only ever added
at the end, with a default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName, Sequence, SessionName
from cutpoint.protocol.holdups import HeldUp as HeldUp
from cutpoint.protocol.part import (
    IncomingEvidence as IncomingEvidence,
)
from cutpoint.protocol.part import (
    OutgoingEvidence as OutgoingEvidence,
)
from cutpoint.protocol.part import (
    PackRef as PackRef,
)
from cutpoint.protocol.part import (
    PartSummary as PartSummary,
)
from cutpoint.protocol.part import (
    Ranges as Ranges,
)
from cutpoint.protocol.part import (
    SessionEvidence as SessionEvidence,
)
from cutpoint.protocol.part import (
    StateSummary as StateSummary,
)

PROTOCOL_VERSION = 1


class Close(msgspec.Struct, frozen=True, array_like=True, tag=100):
    """The last message of a channel: its sender will send no more. It has a number like any message."""

    code: int = 1000
    reason: str = ""


if TYPE_CHECKING:
    Payload = str | bytes | Close
else:
    Payload = Any
"""What one message carries: text, bytes, or the end of the channel.

msgspec cannot decode a union of text and bytes, so the type is open at run time; `cutpoint.wire` checks it.
"""


# ---------------------------------------------------------------------------------------------- between agents


class Frame(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What every frame says first: the incarnation and the cut of its sender."""

    incarnation: Incarnation
    cut: CutNumber


class Hello(Frame, frozen=True, array_like=True, kw_only=True, tag=1):
    """The initiator's first frame on a connection: open a session, or resume one.

    ``session`` is empty for a new one; ``nonce`` then makes a repeated Hello open it only once, and it gets no name
    among ``closed``: sessions that a recovery restored and that the initiator's application has closed.
    ``reopens``: ``session`` is such a one, and the acceptor may never have heard of it. ``arrived`` is the highest
    number below which nothing is missing of what the acceptor sent, ``limit`` the highest number that the acceptor
    may transmit.
    """

    version: int
    process: ProcessName
    life: Life
    label: str
    nonce: str
    session: SessionName
    fifo: bool
    arrived: Sequence
    limit: Sequence
    closed: tuple[SessionName, ...] = ()
    reopens: bool = False
    computation: str = ""
    message_bytes_max: int = 0


class Welcome(Frame, frozen=True, array_like=True, kw_only=True, tag=2):
    """The acceptor's answer: the session's name, and the cut that the acceptor had recorded when it was opened."""

    version: int
    process: ProcessName
    life: Life
    session: SessionName
    opened: CutNumber
    arrived: Sequence
    limit: Sequence
    computation: str = ""
    message_bytes_max: int = 0


class Refused(Frame, frozen=True, array_like=True, kw_only=True, tag=3):
    """The acceptor will not open or resume the session; ``waiting_helps`` says whether to try again."""

    reason: str
    waiting_helps: bool


class Data(Frame, frozen=True, array_like=True, kw_only=True, tag=4):
    """Messages ``first``, ``first + 1``, ... of a channel, all sent after the same cut."""

    first: Sequence
    payloads: tuple[Payload, ...]


class Marker(Frame, frozen=True, array_like=True, kw_only=True, tag=5):
    """Separates before from after: ``sent`` is the number of the last message sent inside cut ``cut``.

    Messages from ``recorded_from`` to ``sent`` are in-flight messages that the sender records itself, because it
    put this marker ahead of them (``recorded_from == sent + 1``: none). ``base`` is the last published cut.
    """

    base: CutNumber
    sent: Sequence
    recorded_from: Sequence


class Acknowledge(Frame, frozen=True, array_like=True, kw_only=True, tag=6):
    """Messages up to ``received`` were handed to the application: the sender may forget them."""

    received: Sequence


class Credit(Frame, frozen=True, array_like=True, kw_only=True, tag=7):
    """The receiver has room: messages up to ``limit`` may be transmitted. Never held back, see the module's text.

    ``suspended``: the receiver waits for open turns to end before it records, and takes in whatever comes, so that
    no turn anywhere blocks on sending to it; the sender's limit in bytes is suspended too.
    """

    limit: Sequence
    suspended: bool = False


class Ended(Frame, frozen=True, array_like=True, kw_only=True, tag=8):
    """The acceptor has received and been acknowledged everything, both ends closed: the session is over.

    Also its answer to a Hello that resumes a session which it does not know (any more), and the initiator's answer
    to this word: the acceptor may forget the session.
    """


AnyFrame = Hello | Welcome | Refused | Data | Marker | Acknowledge | Credit | Ended


# ------------------------------------------------------------------------------------------------ what a part is


class InFlight(msgspec.Struct, frozen=True, array_like=True):
    """One recorded message of a channel."""

    number: Sequence
    payload: Payload


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One session of a part, messages included.

    ``outgoing_in_flight`` are the messages that this process recorded as sender, ``incoming_in_flight`` those
    that it recorded as receiver, in the order in which they are to be delivered. ``address`` is where the initiator
    had connected to, as its driver writes it.
    """

    evidence: SessionEvidence
    outgoing_in_flight: tuple[InFlight, ...]
    incoming_in_flight: tuple[InFlight, ...]
    address: str = ""


# --------------------------------------------------------------------------------------- agent to coordinator


class Join(msgspec.Struct, frozen=True, kw_only=True, tag="join"):
    """First message of every control connection. ``incarnation`` 0: this life has not been admitted yet.

    ``prepared`` is the incarnation of a recovery that this process is ready for (0: none), ``cut`` the last cut
    it has recorded or skipped.
    """

    version: int
    process: ProcessName
    life: Life
    incarnation: Incarnation
    cut: CutNumber
    prepared: Incarnation


class Leave(msgspec.Struct, frozen=True, kw_only=True, tag="leave"):
    """This process leaves the computation for good; its channels are closed."""


class PartCaptured(msgspec.Struct, frozen=True, kw_only=True, tag="captured"):
    """The part is complete in memory and handed to the writer; the service runs on."""

    cut: CutNumber


class PartStored(msgspec.Struct, frozen=True, kw_only=True, tag="stored"):
    """The part is durable."""

    summary: PartSummary


class CutRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """This process cannot take part, and why (it names the channel). ``unstored``: it cannot store its part."""

    cut: CutNumber
    reason: str
    unstored: bool = False


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """The part was loaded and checked; this process has stopped and awaits Start."""

    incarnation: Incarnation


class Unfit(msgspec.Struct, frozen=True, kw_only=True, tag="unfit"):
    """The part cannot be restored here, and why. Nothing was changed.

    ``damaged``: the part itself is at fault, whoever tries. Otherwise it may be sound: this program does not fit
    it, or could not reach it.
    """

    incarnation: Incarnation
    reason: str
    damaged: bool = True


class Traffic(msgspec.Struct, frozen=True, kw_only=True, tag="traffic"):
    """How much this process has sent on its channels: in its life, and since its record of the last recovery point.

    Said only to a coordinator that has asked for it (`Admit.report_seconds`). Bytes count as limits do, without frames.
    """

    messages: int
    bytes: int
    messages_since: int = 0
    bytes_since: int = 0


class Delayed(msgspec.Struct, frozen=True, kw_only=True, tag="delayed"):
    """The part could not be read yet, and why; it is tried again until it can be, and Ready or Unfit follows."""

    incarnation: Incarnation
    reason: str


ToCoordinator = Join | Leave | PartCaptured | PartStored | CutRefused | HeldUp | Ready | Unfit | Traffic | Delayed


# --------------------------------------------------------------------------------------- coordinator to agent


class Admit(msgspec.Struct, frozen=True, kw_only=True, tag="admit"):
    """The process is a member. ``store`` is the URL that parts are written to; ``cut`` the last number used.

    ``report_seconds``: how often the process is to say `Traffic` while it sends anything; 0: never. A process that
    runs already is told again when that changes.
    """

    computation: str
    incarnation: Incarnation
    cut: CutNumber
    base: CutNumber
    store: str
    report_seconds: float = 0.0


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag="begin"):
    """Record cut ``cut``. ``members`` is the frozen membership; ``released`` have left since ``base``.

    The first Begin on a connection names all members. A later one (``members`` None) names only who is in the cut and
    was not in that of the Begin before on this connection (``joined``), and who was and is not (``gone``).
    """

    incarnation: Incarnation
    cut: CutNumber
    base: CutNumber
    members: tuple[ProcessName, ...] | None
    released: tuple[ProcessName, ...]
    deadline_seconds: float
    joined: tuple[ProcessName, ...] = ()
    gone: tuple[ProcessName, ...] = ()


class Abandon(msgspec.Struct, frozen=True, kw_only=True, tag="abandon"):
    """Cut ``cut`` ends without a recovery point; its number is never used again."""

    incarnation: Incarnation
    cut: CutNumber
    reason: str


class Published(msgspec.Struct, frozen=True, kw_only=True, tag="published"):
    """Cut ``cut`` is a recovery point."""

    incarnation: Incarnation
    cut: CutNumber


class Prepare(msgspec.Struct, frozen=True, kw_only=True, tag="prepare"):
    """Stop, load and check the part ``object`` of cut ``cut`` (empty: begin anew), then say Ready or Unfit.

    ``last_cut`` is the highest number ever used: the restored process counts on from there.
    """

    computation: str
    incarnation: Incarnation
    cut: CutNumber
    last_cut: CutNumber
    object: str
    store: str


class Start(msgspec.Struct, frozen=True, kw_only=True, tag="start"):
    """All are ready: restore, open channels, run on as ``incarnation``."""

    incarnation: Incarnation


class Rejected(msgspec.Struct, frozen=True, kw_only=True, tag="rejected"):
    """It will not have this agent; ``waiting_helps``: try again, first at ``leader`` if that is not empty."""

    reason: str
    waiting_helps: bool
    leader: str = ""


ToAgent = Admit | Begin | Abandon | Published | Prepare | Start | Rejected
