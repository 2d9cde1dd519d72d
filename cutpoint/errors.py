"""The exception tree: what happened, whose fault it was, whether anything was lost, what to do next.

::

    CutpointError
    |- ConfigurationError          yours: a name, flag, file or setting is wrong; nothing was started
    |- UsageError                  yours: a call that the state of the object does not allow
    |- ProtocolViolation           theirs: a peer said what the protocol does not allow; its connection is closed
    |  |- PeerWithoutAgent         theirs or yours: the other end of a wrapped channel has no agent
    |  `- NotGenuine               a webhook's delivery that nobody with its secret has signed, or not just now
    |- StoreError                  the store's: bytes could not be written or read
    |  |- ObjectExists             create-only refused to overwrite
    |  |- ObjectMissing            what a manifest names is not there
    |  |- Damaged                  bytes are there and are not what was written
    |  |  `- NotAuthentic          they may be whole; nobody whose key is trusted has signed them
    |  `- StoreUnavailable         it did not answer, or refused for now; trying again may help
    |- RegistryError               the registry's: it could not be reached or answered nonsense
    |  `- Fenced                   another coordinator leads; this one must stop
    |- CoordinatorUnreachable      nobody answers at that address, or it is not a coordinator
    |- CutAbandoned                a cut ended without a recovery point; the next one has a new number
    |- RecoveryFailed              no recovery point could be restored; nothing was changed
    `- RolledBack                  this call belongs to an incarnation that a recovery has ended

Outcomes that a caller must expect (an abandoned cut, a lost race) are returned as values where that is
possible; these are raised where it is not.
"""

from __future__ import annotations


class CutpointError(Exception):
    """Base of all errors that Cutpoint raises on purpose. ``str()`` is one line, fit for an operator."""


class ConfigurationError(CutpointError):
    """A name, flag, file or setting is wrong. Nothing was started; correct it and start again."""


class UsageError(CutpointError):
    """A call that the state of the object does not allow. The object is unchanged."""


class ProtocolViolation(CutpointError):
    """A peer said what the protocol does not allow. Its connection is closed; nothing else is harmed."""


class PeerWithoutAgent(ProtocolViolation):
    """The other end of a wrapped channel has no agent, or one of another version."""


class NotGenuine(ProtocolViolation):
    """What came as a webhook's delivery was not signed with its secret, or too long ago. Nothing of it was used."""


class StoreError(CutpointError):
    """Bytes could not be written to or read from the store."""


class ObjectExists(StoreError):
    """A create-only write found the object there already. Nothing was overwritten."""


class ObjectMissing(StoreError):
    """An object that a manifest names is not in the store."""


class Damaged(StoreError):
    """An object is there and its bytes are not what was written."""


class NotAuthentic(Damaged):
    """An object is there, and no trusted key vouches for its bytes. Nothing of it was used."""


class StoreUnavailable(StoreError):
    """The store did not answer, or refused for now. Trying again may help; what was to be written may be there."""


class RegistryError(CutpointError):
    """The registry could not be reached, or its answer made no sense. Trying again may help."""


class Fenced(RegistryError):
    """Another coordinator leads. This one must change nothing more."""


class CoordinatorUnreachable(CutpointError):
    """Nobody answers at that address, or what answers is not a coordinator."""


class CutAbandoned(CutpointError):
    """A cut ended without a recovery point. Nothing was lost; the next cut has a new number."""


class RecoveryFailed(CutpointError):
    """No recovery point could be restored. No process was changed."""


class RolledBack(CutpointError, ConnectionResetError):
    """This call belongs to an incarnation that a recovery has ended. Reconnect, or let the agent restart the task.

    Or the agent itself has ended, with its program.

    It is a ``ConnectionResetError`` so that code which already survives a lost WebSocket survives a rollback.
    """
