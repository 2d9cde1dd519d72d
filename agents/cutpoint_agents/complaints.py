"""What is wrong with this process's own part, said in its own log: the coordinator hears it too, but runs elsewhere.

Each reason is said once as an error, until another one takes its place; a cut or a recovery that only tries again
is no news.
"""

from __future__ import annotations

import logging

from cutpoint.names import ProcessName
from cutpoint.protocol.events import Event, PartDelayed, PartLoaded, PartPersisted, PartUnfit, PersistFailed
from cutpoint_agents.settings import LOG_NAME

log = logging.getLogger(LOG_NAME)


class Complaints:
    """The last complaint about storing, and the last about restoring."""

    def __init__(self, name: ProcessName) -> None:
        self._name = name
        self._not_stored = ""
        self.unfit = ""
        self._not_read = ""

    def note(self, event: Event) -> None:
        """A part was stored, loaded, or not."""
        match event:
            case PersistFailed(cut=cut, reason=reason):
                if reason != self._not_stored:
                    log.error("%s has no part in cut %d, nor in the next ones: %s", self._name, cut, reason)
                self._not_stored = reason
            case PartPersisted(cut=cut):
                if self._not_stored:
                    log.info("%s has stored its part of cut %d", self._name, cut)
                self._not_stored = ""
            case PartUnfit(reason=reason):
                if reason != self.unfit:
                    log.error("%s cannot be restored: %s", self._name, reason)
                self.unfit = reason
            case PartDelayed(reason=reason):
                if reason != self._not_read:
                    log.warning("%s is not restored yet, it tries again: %s", self._name, reason)
                self._not_read = reason
            case PartLoaded():
                self.unfit = self._not_read = ""
