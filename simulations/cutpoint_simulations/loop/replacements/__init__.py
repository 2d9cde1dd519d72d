"""What takes the place of the real functions: clocks, chance, processes, threads, the network, files.

Each asks which host runs: it serves that host, or refuses with the line that asked, or, outside of every host, calls
the original.
"""

from __future__ import annotations

from cutpoint_simulations.disk import Mount
from cutpoint_simulations.disk import substitutions as of_files
from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.replacements import (
    chance,
    clocks,
    console,
    hashes,
    libraries,
    loops,
    network,
    processes,
    threads,
)
from cutpoint_simulations.loop.replacements.serving import Replacement
from cutpoint_simulations.refusal import NotSimulated


def replacements() -> list[Replacement]:
    """Everything to replace: where, which attribute, by what."""
    parts = (clocks, chance, processes, threads, network, loops, libraries, hashes, console)
    ours = [part.replacements() for part in parts]
    return [replacement for part in ours for replacement in part] + of_files(disk_of_current, refused=remember)


def disk_of_current() -> Mount | None:
    """The disk as the host that runs now sees it."""
    host = running.host
    return None if host is None else host.files


def remember(error: NotSimulated) -> None:
    """The run ends with ``error``, even if the program catches it."""
    host = running.host
    if host is not None and host.alive:
        host.simulation.refused.append(error)
