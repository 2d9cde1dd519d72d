"""Simulated disks: what programs write, what a power failure leaves of it, and how `os` and `open` are led there.

From the bottom up: `inodes` (bytes), `changes` (names), `gate` (faults), `tree`, `system_calls`, `disk`, `volumes`;
then Python's side: `places`, `open_file`, `folder_listing`, `calls`, `filesystem`. Chance and time are given in.
"""

from cutpoint_simulations.disk.disk import Disk, DiskStatistics, Loss, Mount
from cutpoint_simulations.disk.filesystem import PREFIX, FileSystem, Substitute, substitutions
from cutpoint_simulations.disk.gate import Stopped
from cutpoint_simulations.disk.volumes import Volumes

__all__ = [
    "PREFIX",
    "Disk",
    "DiskStatistics",
    "FileSystem",
    "Loss",
    "Mount",
    "Stopped",
    "Substitute",
    "Volumes",
    "substitutions",
]
