"""What an agent may be told about its limits and its patience. Values only: nothing here reads an environment."""

from __future__ import annotations

import dataclasses
from typing import Literal

from cutpoint.errors import ConfigurationError
from cutpoint.store import TIERS, Tiers

Rollback = Literal["in-place", "restart"]

RESTART_ME = 75
"""The exit status that asks the supervisor to start the process again (EX_TEMPFAIL of sysexits.h)."""

MISFIT = 70
"""The exit status of a process whose own restore hooks failed: starting it again would not help (EX_SOFTWARE)."""

LOG_NAME = "cutpoint.agent"

SURE_BYTES = 64 * 1024
"""Every agent takes messages of this size, so they may be sent before the peer has said what it takes."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Limits and patience of one agent; every default suits services on one network.

    ``window_messages``, ``window_bytes``: what one channel may hold that its receiver has not handled yet.
    ``batch_bytes``: how much one WebSocket message may carry, unless a single message is larger.
    ``message_bytes_max``: the largest message of the application, in either direction; peers are told.
    ``hello_seconds``: how long a peer may take to show that it has an agent; ``welcome_seconds``: how long the
    accepting end may take to answer, a cut in progress included, before opening the channel fails; it fails too when
    ``silent_connections_max`` connections in a row have ended without a word.
    ``close_seconds``: how long closing a channel waits for the other end; ``leave_seconds``: how long leaving the
    computation waits for the recovery point that releases the process.
    ``stop_seconds``: how long tasks may take to end before a rollback gives the process up.
    ``redial_first_seconds``, ``redial_most_seconds``: the pause between two attempts to connect again.
    ``loop_held_seconds``: how long something may hold the event loop before a thread says what it is.
    ``report_seconds``: how often a start that waits says what it waits for.
    ``slice_entries``: how many entries of tables are encoded for a cut at most before the service's own work goes on.
    ``cut_changes_max``: how many changes of tables are kept apart while a cut is being written; a cut that has not
    been written by then is abandoned.
    ``chunk_bytes``: how long the chunks of tables are, about (those of long runs four times that): enough for a thread
    to be worth its while, little enough to be read back alone; ``pack_bytes``: how long the packs that hold them are,
    about. ``tiers``: which of a table's runs are worth merging.
    """

    window_messages: int = 256
    window_bytes: int = 1 << 20
    batch_bytes: int = 256 * 1024
    message_bytes_max: int = 4 * 1024 * 1024 - 64 * 1024
    hello_seconds: float = 10.0
    welcome_seconds: float = 60.0
    silent_connections_max: int = 8
    close_seconds: float = 10.0
    leave_seconds: float = 30.0
    stop_seconds: float = 5.0
    redial_first_seconds: float = 0.05
    redial_most_seconds: float = 2.0
    connect_seconds: float = 5.0
    heartbeat_seconds: float = 5.0
    loop_held_seconds: float = 1.0
    report_seconds: float = 5.0
    slice_entries: int = 2048
    cut_changes_max: int = 4_000_000
    chunk_bytes: int = 256 * 1024
    pack_bytes: int = 8 * 1024 * 1024
    tiers: Tiers = TIERS

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            number = getattr(self, field.name)
            if field.name == "tiers":
                continue
            if type(number) not in (int, float) or not 0 < number < float("inf"):
                raise ConfigurationError(f"{field.name} must be a number above 0, not {number!r}")
        if self.message_bytes_max < SURE_BYTES:
            raise ConfigurationError(
                f"message_bytes_max={self.message_bytes_max} is less than the {SURE_BYTES} bytes that every agent takes"
            )
