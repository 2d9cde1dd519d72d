"""One thing that was looked at, and what was found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Verdict = Literal["ok", "warn", "bad"]

_ORDER: tuple[Verdict, ...] = ("ok", "warn", "bad")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """``subject``: what was looked at. ``means`` and ``remedy`` are empty where all is well."""

    subject: str
    verdict: Verdict
    found: str
    means: str = ""
    remedy: str = ""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was looked at, and the worst verdict of it."""

    verdict: Verdict
    findings: tuple[Finding, ...]


def worst(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict; ok of nothing."""
    return max((finding.verdict for finding in findings), key=_ORDER.index, default="ok")


def ok(subject: str, found: str) -> Finding:
    """All is well."""
    return Finding(subject=subject, verdict="ok", found=found)


def warn(subject: str, found: str, means: str, remedy: str) -> Finding:
    """It works, and something should be done."""
    return Finding(subject=subject, verdict="warn", found=found, means=means, remedy=remedy)


def bad(subject: str, found: str, means: str, remedy: str) -> Finding:
    """It does not work, or will not for long."""
    return Finding(subject=subject, verdict="bad", found=found, means=means, remedy=remedy)
