"""Section 2 of the paper, word for word: processes, channels, events, and which sequences of events are computations.

It knows nothing of cuts or markers. A process's state is what its application keeps; a channel's state is the sequence
of the messages sent along it and not received.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from cutpoint_simulations.world.participant import Account


class Channel(NamedTuple):
    """One direction of the session ``key``."""

    sender: str
    receiver: str
    key: str


class Event(NamedTuple):
    """A process sends or receives ``message`` along ``channel``, and changes its state by that, all at once."""

    kind: Literal["sends", "receives"]
    message: str
    channel: Channel

    @property
    def process(self) -> str:
        """Where it happens: an event belongs to one process."""
        return self.channel.sender if self.kind == "sends" else self.channel.receiver


class NotAComputation(AssertionError):
    """The event cannot occur in this global state."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GlobalState:
    """The states of all processes and of all channels; ``channels`` leaves out those that are empty."""

    processes: Mapping[str, Account]
    channels: Mapping[Channel, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @property
    def money(self) -> int:
        """What all processes and channels hold."""
        under_way = sum(amount(message) for content in self.channels.values() for message in content)
        return under_way + sum(account.balance for account in self.processes.values())

    @property
    def sent(self) -> int:
        """How many messages have been sent."""
        return sum(len(account.sent) for account in self.processes.values())

    @property
    def received(self) -> int:
        """How many messages have been received."""
        return sum(len(account.received) for account in self.processes.values())

    def after(self, event: Event) -> GlobalState:
        """The global state that ``event`` leads to. NotAComputation if it cannot occur in this one."""
        account, content = self.processes[event.process], self.channels.get(event.channel, ())
        if event.kind == "sends":
            content = (*content, event.message)
            account = dataclasses.replace(
                account, balance=account.balance - amount(event.message), sent=account.sent | {event.message}
            )
        elif content[:1] != (event.message,):
            raise NotAComputation(f"{event} while the channel holds {content}")
        else:
            content = content[1:]
            account = dataclasses.replace(
                account, balance=account.balance + amount(event.message), received=account.received | {event.message}
            )
        others = {channel: held for channel, held in self.channels.items() if channel != event.channel}
        return GlobalState(
            processes={**self.processes, event.process: account},
            channels={**others, event.channel: content} if content else others,
        )


def states(initial: GlobalState, events: Sequence[Event]) -> list[GlobalState]:
    """S0, S1, ... of a computation; NotAComputation if the sequence is none."""
    passed = [initial]
    for event in events:
        passed.append(passed[-1].after(event))
    return passed


def end(initial: GlobalState, events: Iterable[Event]) -> GlobalState:
    """The last global state of a computation."""
    return states(initial, tuple(events))[-1]


def amount(message: str) -> int:
    """What a message is worth."""
    return int(message.rsplit(":", 1)[1])
