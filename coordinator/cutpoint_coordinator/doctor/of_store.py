"""A store as this machine reaches it: whether it takes and keeps what it is given, never overwrites, and how fast."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cutpoint.errors import CutpointError, ObjectExists
from cutpoint.store import Backend
from cutpoint_coordinator.doctor.finding import Finding, bad, ok, warn
from cutpoint_coordinator.doctor.of_coordinator import skew

SLOW_SECONDS = 0.5
"""From how long on a small durable write is slow: every cut waits for a few of them."""

FREE_BYTES = 1 << 30
FREE_SHARE = 0.05

_BYTES = b"cutpoint doctor " * 64


def examine_store(backend: Backend, *, free_bytes: int = FREE_BYTES) -> list[Finding]:
    """Look at the store, leaving it as it was. Blocks."""
    name = f"probes/{secrets.token_hex(16)}"
    try:
        backend.check_writable()
        began = time.perf_counter()
        backend.create(name, _BYTES)
        seconds = time.perf_counter() - began
    except (CutpointError, OSError) as error:
        means = "no part and no manifest can be written from here, so no cut is published; what is published stays"
        return [bad("store", str(error), means, "give this user the right to write there, or correct the URL")]
    try:
        return [*_kept(backend, name, seconds), *_folder(backend, name, free_bytes)]
    finally:
        with contextlib.suppress(CutpointError, OSError):
            backend.delete(name)


def _kept(backend: Backend, name: str, seconds: float) -> list[Finding]:
    findings = [ok("store", f"{backend.url} takes what is written")]
    if backend.read(name) != _BYTES:
        means = "recovery points there cannot be relied on"
        findings.append(
            bad("store", "it gave back other bytes than it was given", means, "use another store, and verify")
        )
    try:
        backend.create(name, _BYTES[::-1])
        means = "two coordinators could publish one cut twice: the safety of every recovery point hangs on this"
        remedy = "use a store that honours create-only; see the guide on stores"
        findings.append(bad("create-only", "an object was overwritten", means, remedy))
    except ObjectExists:
        findings.append(ok("create-only", "what is there cannot be overwritten"))
    if seconds < SLOW_SECONDS:
        findings.append(ok("store's speed", f"a small durable write takes {seconds * 1000:.1f} ms"))
    else:
        means = "every cut waits for a few of these, and may pass its deadline"
        found = f"a small durable write takes {seconds:.1f} s"
        findings.append(warn("store's speed", found, means, "give it a faster disk, or cuts a longer --deadline"))
    return findings


def _folder(backend: Backend, name: str, free_bytes: int) -> list[Finding]:
    """What only a folder can tell: its space, and the clock of the machine that has the disk."""
    parts = urlsplit(backend.url)
    if parts.scheme != "file":
        return []
    folder = Path(unquote(parts.path))
    try:
        disk = shutil.disk_usage(folder)
        written = os.stat(folder / name).st_mtime
    except OSError:
        return []
    findings = [skew("clock of the store", written - time.time())]
    found = f"{disk.free / (1 << 30):.1f} GiB of {disk.total / (1 << 30):.1f} GiB are free"
    if disk.free < free_bytes or disk.free < FREE_SHARE * disk.total:
        means = "a full store abandons every cut; what is published stays"
        findings.append(warn("store's space", found, means, "make room, or let the coordinator keep fewer: --keep"))
    else:
        findings.append(ok("store's space", found))
    return findings
