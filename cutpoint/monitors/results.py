"""What became of one monitor's evaluations, and what is to be told of the next: pure values, kept by the registry.

A violation lasts: a monitor that complains of one cut complains of the next ones, too. So its complaints come in
*episodes*; the first cut of one is the evidence, is pinned and told, and its end is told. What is wrong with the
monitor itself is told when it begins and when it ends, and is never taken for a violation.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cutpoint.monitors.evaluation import Evaluation, shortened

EPISODES_MAX = 20
"""So many episodes are kept, the latest ones; all but the last without details, and with a shorter complaint."""

OLD_COMPLAINT_CHARACTERS = 100

BACKLOG_MAX = 8
"""So many recovery points may wait for a monitor; the oldest ones beyond that are skipped."""


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """The cuts from ``first`` to ``last`` that were complained of; ``complaint`` and ``details`` are of the first."""

    first: int
    last: int
    complaint: str
    details: dict[str, Any] = {}
    began: str = ""
    over: bool = False


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """``last``: the cut that was looked at last; ``at``: when. ``fault``: what is wrong with the monitor itself."""

    last: int = 0
    at: str = ""
    verdict: str = ""
    checked: int = 0
    violated: int = 0
    failed: int = 0
    skipped: int = 0
    behind: bool = False
    fault: str = ""
    episodes: tuple[Episode, ...] = ()

    @property
    def open_episode(self) -> Episode | None:
        """The violation that lasts."""
        return self.episodes[-1] if self.episodes and not self.episodes[-1].over else None


class News(msgspec.Struct, frozen=True, kw_only=True):
    """Something to tell. ``loud``: somebody should look."""

    kind: str
    text: str
    fields: dict[str, Any]
    loud: bool = False


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What holds after an evaluation. ``pin``: the cut is new evidence."""

    results: Results
    news: tuple[News, ...] = ()
    pin: bool = False


def judge(name: str, before: Results, evaluation: Evaluation, *, at: str) -> Judged:
    """What one evaluation changes. Not for one that could not be made (``unavailable``)."""
    results = msgspec.structs.replace(
        before,
        last=evaluation.cut,
        at=at,
        verdict=evaluation.verdict,
        checked=before.checked + 1,
        violated=before.violated + (evaluation.verdict == "violated"),
        failed=before.failed + (evaluation.verdict in ("failed", "unreadable")),
    )
    if evaluation.verdict in ("failed", "unreadable"):
        return _failed(name, results, evaluation)
    news = _works_again(name, results, evaluation.cut) if before.fault else ()
    results = msgspec.structs.replace(results, fault="")
    judged = _violated(name, results, evaluation, at) if evaluation.verdict == "violated" else _well(name, results)
    return msgspec.structs.replace(judged, news=news + judged.news)


def skip(name: str, before: Results, cuts: tuple[int, ...]) -> Judged:
    """These recovery points are not looked at, because the monitor is too slow; that is told once."""
    if not cuts:
        return Judged(results=msgspec.structs.replace(before, behind=False))
    results = msgspec.structs.replace(before, last=cuts[-1], skipped=before.skipped + len(cuts), behind=True)
    if before.behind:
        return Judged(results=results)
    text = (
        f"monitor {name} does not keep up: {len(cuts)} recovery points up to {cuts[-1]} were not looked at; give it "
        "a period, or make it faster"
    )
    fields = {"monitor": name, "cut": cuts[-1], "skipped": len(cuts)}
    return Judged(results=results, news=(News(kind="monitor skips cuts", text=text, fields=fields, loud=True),))


def _violated(name: str, results: Results, evaluation: Evaluation, at: str) -> Judged:
    cut, episode = evaluation.cut, results.open_episode
    if episode is not None:
        return Judged(results=_with_last(results, msgspec.structs.replace(episode, last=cut)))
    episode = Episode(first=cut, last=cut, complaint=evaluation.complaint, details=evaluation.details, began=at)
    kept = (*map(_older, results.episodes[1 - EPISODES_MAX :]), episode)
    text = f"monitor {name} complains of cut {cut}: {evaluation.complaint}"
    fields = {"monitor": name, "cut": cut, "complaint": evaluation.complaint, "details": evaluation.details}
    return Judged(
        results=msgspec.structs.replace(results, episodes=kept),
        news=(News(kind="monitor violated", text=text, fields=fields, loud=True),),
        pin=True,
    )


def _older(episode: Episode) -> Episode:
    shorter = shortened(episode.complaint, OLD_COMPLAINT_CHARACTERS)
    return msgspec.structs.replace(episode, complaint=shorter, details={})


def _well(name: str, results: Results) -> Judged:
    episode = results.open_episode
    if episode is None:
        return Judged(results=results)
    text = f"monitor {name} is content with cut {results.last}; it had complained of cuts {episode.first} to "
    news = News(
        kind="monitor content",
        text=f"{text}{episode.last}",
        fields={"monitor": name, "cut": results.last, "first": episode.first, "last": episode.last},
    )
    return Judged(results=_with_last(results, msgspec.structs.replace(episode, over=True)), news=(news,))


def _with_last(results: Results, episode: Episode) -> Results:
    return msgspec.structs.replace(results, episodes=(*results.episodes[:-1], episode))


def _failed(name: str, results: Results, evaluation: Evaluation) -> Judged:
    news: tuple[News, ...] = ()
    if not results.fault:
        text = (
            f"monitor {name} said nothing of cut {evaluation.cut}: {evaluation.complaint}; that is no violation, and "
            "no cut was harmed"
        )
        fields = {"monitor": name, "cut": evaluation.cut, "fault": evaluation.complaint}
        news = (News(kind="monitor failed", text=text, fields=fields, loud=True),)
    return Judged(results=msgspec.structs.replace(results, fault=evaluation.complaint), news=news)


def _works_again(name: str, results: Results, cut: int) -> tuple[News, ...]:
    fields = {"monitor": name, "cut": cut}
    return (News(kind="monitor works again", text=f"monitor {name} works again, from cut {cut}", fields=fields),)
