"""Oracles: what must be true of every run, one claim a module, judged by what really happened.

* `consistency`: a recovery point's certificate holds, and its parts hold exactly what happened;
* `capture`: what a process held when it recorded is what is stored, and what a restore puts in place;
* `orphans`: nothing was received inside it that was not sent inside it;
* `conservation`: what the user measures is the same in every one;
* `durability`: it can be read back until it is dropped, and its number is used once;
* `retention`: what is dropped may go, and what nobody needs does go;
* `replication`: what is in the replica is whole at every moment, and what was published comes to be there;
* `descent`: an incarnation goes on from one recovery point;
* `progress`: after the healing there is a new one, and everybody runs;
* `exactly_once`: each message was taken once, in order, as it was sent.

A `Jury` asks them all. A user's own claim is a class like these: see `Oracle`.
"""

from __future__ import annotations

from cutpoint_simulations.oracles.capture import Capture
from cutpoint_simulations.oracles.case import Case, Published, contents, read_point
from cutpoint_simulations.oracles.conservation import Conservation
from cutpoint_simulations.oracles.consistency import Consistency
from cutpoint_simulations.oracles.descent import Descent
from cutpoint_simulations.oracles.durability import Durability
from cutpoint_simulations.oracles.exactly_once import ExactlyOnce, under_way
from cutpoint_simulations.oracles.jury import Jury, case_of
from cutpoint_simulations.oracles.oracle import Oracle
from cutpoint_simulations.oracles.orphans import NoOrphan
from cutpoint_simulations.oracles.progress import Progress
from cutpoint_simulations.oracles.recorded import recorded
from cutpoint_simulations.oracles.replication import Replication
from cutpoint_simulations.oracles.retention import Retention
from cutpoint_simulations.oracles.violation import Violation

__all__ = [
    "Capture",
    "Case",
    "Conservation",
    "Consistency",
    "Descent",
    "Durability",
    "ExactlyOnce",
    "Jury",
    "NoOrphan",
    "Oracle",
    "Progress",
    "Published",
    "Replication",
    "Retention",
    "Violation",
    "case_of",
    "contents",
    "read_point",
    "recorded",
    "under_way",
]
