"""Two futures that do not agree: where they end differently, and where they first went different ways.

There are two kinds of first difference. A process may take the same messages in another order: that is the network's
doing, and harmless unless the process minds. And a message may say something else, at the same place of the same
channel: that is somebody's doing. Told is the first other order at each process that matters (those that end
differently, and the one that said something else), and the first other message of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import msgspec

from cutpoint_simulations.replay.final_states import Difference, differences
from cutpoint_simulations.replay.future import Seen
from cutpoint_simulations.replay.messages import Messages, Passage

SHOWN_MAX = 5
"""How many of the differing keys are told, and how many processes that took their messages in another order."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in one of the two futures: the message in words, empty if there was none, and when."""

    seed: int
    message: str
    seconds: float | None

    def __str__(self) -> str:
        if self.seconds is None:
            return f"nothing under seed {self.seed}"
        return f"{self.message} under seed {self.seed} at {self.seconds:.3f} s"

    @property
    def line(self) -> str:
        """As a line of its own."""
        when = " " * 9 if self.seconds is None else f"{self.seconds:7.3f} s"
        return f"seed {self.seed:<5} {when}  {self.message or 'nothing'}"


class OtherOrder(msgspec.Struct, frozen=True, kw_only=True):
    """``process`` took its first ``alike`` messages of the replay in the same order in both, and then other ones."""

    process: str
    alike: int
    first: Side
    second: Side

    @property
    def seconds(self) -> float:
        """When it happened in the future where it happened first."""
        return _earlier(self.first, self.second)

    @property
    def title(self) -> str:
        """What is different."""
        return f"the {_ordinal(self.alike + 1)} message that {self.process} took"


class OtherMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The message at one place of ``channel`` was sent in one of them only, or said something else."""

    channel: str
    number: int
    sender: str
    first: Side
    second: Side

    @property
    def seconds(self) -> float:
        """When it happened in the future where it happened first."""
        return _earlier(self.first, self.second)

    @property
    def title(self) -> str:
        """What is different."""
        return f"what {self.sender} sent as message {self.number} of {self.channel}"


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """``seeds``: the two. ``differences``: a few of the places where they end differently, ``differing`` how many.

    ``orders`` in the order of virtual time. Nothing is in it of two futures that agree in everything.
    """

    seeds: tuple[int, int]
    differing: int
    differences: tuple[Difference, ...]
    orders: tuple[OtherOrder, ...]
    message: OtherMessage | None

    @property
    def first(self) -> OtherOrder | OtherMessage | None:
        """Where they first went different ways."""
        found: list[OtherOrder | OtherMessage] = [*self.orders, *([self.message] if self.message else [])]
        return min(found, key=lambda each: each.seconds, default=None)


def compare(first: Seen, second: Seen) -> Divergence:
    """Set two futures of one recovery point against each other."""
    found = tuple(differences(first.states, second.states))
    seeds = (first.future.seed, second.future.seed)
    message = _other_message(first.messages, second.messages, seeds)
    concerned = dict.fromkeys(difference.process for difference in found)
    if message is not None:
        concerned[message.sender] = None
    orders = [
        order
        for process in concerned
        if (order := _other_order(process, first.messages, second.messages, seeds)) is not None
    ]
    return Divergence(
        seeds=seeds,
        differing=len(found),
        differences=found[:SHOWN_MAX],
        orders=tuple(sorted(orders, key=lambda order: order.seconds)[:SHOWN_MAX]),
        message=message,
    )


def _other_order(process: str, first: Messages, second: Messages, seeds: tuple[int, int]) -> OtherOrder | None:
    for alike, (one, other) in enumerate(zip_longest(first.taken(process), second.taken(process))):
        if one is None or other is None or one.what != other.what:
            sides = _side(seeds[0], one), _side(seeds[1], other)
            return OtherOrder(process=process, alike=alike, first=sides[0], second=sides[1])
    return None


def _other_message(first: Messages, second: Messages, seeds: tuple[int, int]) -> OtherMessage | None:
    """The earliest one. What one side did not send at all counts only where nothing else differs."""
    found = list(_other_messages(first, second, seeds))
    return min(
        found, key=lambda other: (None in (other.first.seconds, other.second.seconds), other.seconds), default=None
    )


def _other_messages(first: Messages, second: Messages, seeds: tuple[int, int]) -> Iterator[OtherMessage]:
    """The first one of each channel, by the channels' names."""
    ours, theirs = first.sent(), second.sent()
    for channel in sorted({**ours, **theirs}):
        place = _first_other(ours.get(channel, ()), theirs.get(channel, ()))
        if place is not None:
            one, other = place
            known = one or other
            assert known is not None
            yield OtherMessage(
                channel=channel,
                number=known.number,
                sender=known.sender,
                first=_side(seeds[0], one, bare=True),
                second=_side(seeds[1], other, bare=True),
            )


def _first_other(ours: Sequence[Passage], theirs: Sequence[Passage]) -> tuple[Passage | None, Passage | None] | None:
    return next((pair for pair in zip_longest(ours, theirs) if None in pair or pair[0].what != pair[1].what), None)


def _side(seed: int, passage: Passage | None, *, bare: bool = False) -> Side:
    if passage is None:
        return Side(seed=seed, message="", seconds=None)
    return Side(seed=seed, message=passage.short if bare else passage.title, seconds=round(passage.at, 6))


def _earlier(first: Side, second: Side) -> float:
    return min(side.seconds for side in (first, second) if side.seconds is not None)


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def told(divergence: Divergence) -> list[str]:
    """The divergence in lines for people."""
    one, other = divergence.seeds
    lines = []
    if divergence.differing:
        places = "1 place" if divergence.differing == 1 else f"{divergence.differing} places"
        lines.append(f"Seeds {one} and {other} end differently, in {places}:")
        lines += [f"  {_told_difference(difference, one, other)}" for difference in divergence.differences]
        if (more := divergence.differing - len(divergence.differences)) > 0:
            lines.append(f"  and {more} more")
    first = divergence.first
    if first is None:
        return [*lines, "Their messages agree in everything that is compared."]
    lines += [f"First divergence: {first.title}", *_sides(first)]
    later = [each for each in (*divergence.orders, divergence.message) if each is not None and each is not first]
    for each in sorted(later, key=lambda each: each.seconds):
        lines += [f"Then: {each.title}", *_sides(each)]
    return lines


def in_short(divergence: Divergence) -> str:
    """The first divergence in one line."""
    first = divergence.first
    return f"first divergence: {first.title}, {first.first}, {first.second}" if first else "they said the same"


def _sides(each: OtherOrder | OtherMessage) -> list[str]:
    return [f"  {each.first.line}", f"  {each.second.line}"]


def _told_difference(difference: Difference, one: int, other: int) -> str:
    key = f", key {difference.key}" if difference.key else ""
    where = f"{difference.process}, {difference.state}{key}"
    return f"{where}: {difference.first} under seed {one}, {difference.second} under seed {other}"
