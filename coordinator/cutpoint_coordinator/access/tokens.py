"""The tokens that a coordinator accepts: their verifiers, which live in the registry below ``tokens/<name>``.

Nobody can log in with what is kept here (`cutpoint.access.tokens`). A revoked token keeps its record, so that a
computation that has ever had a token is never again open to anybody. The leader changes records; every coordinator
reads them. The first administrator's token comes with the coordinator's start and is in no registry.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from cutpoint.access import Token, Verifier
from cutpoint.errors import ConfigurationError
from cutpoint.names import is_process_name
from cutpoint.registry import Registry
from cutpoint.wire.checks import one_line
from cutpoint_coordinator.access.callers import Caller
from cutpoint_coordinator.access.scopes import Scope
from cutpoint_coordinator.faults import Refused
from cutpoint_coordinator.notices import now_utc

if TYPE_CHECKING:
    from cutpoint_coordinator.records import Records

PREFIX = "tokens/"
BOOTSTRAP = "bootstrap"
"""The name of the token that came with the coordinator's start."""

TOKENS_MAX = 1000
VERSION = 1


def _nothing() -> None:
    """Nobody has anything open."""


class Previous(msgspec.Struct, frozen=True, kw_only=True):
    """The verifier before the last rotation, good until a moment in seconds of the epoch."""

    verifier: Verifier
    until: float


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One token. ``expires``: seconds of the epoch, None: never; ``revoked``: when, in ISO 8601, empty: it is not."""

    name: str
    scope: Scope
    verifier: Verifier
    created: str
    created_by: str
    expires: float | None = None
    rotated: str = ""
    revoked: str = ""
    previous: Previous | None = None
    version: int = VERSION

    def state(self) -> str:
        """Whether it counts now, in a word."""
        if self.revoked:
            return "revoked"
        return "expired" if self.expires is not None and time.time() >= self.expires else "active"


class TokenBook:
    """The tokens that count now. ``changed`` is called when one counts no more, or not for as long."""

    def __init__(self, bootstrap: Token | None = None, changed: Callable[[], None] = _nothing) -> None:
        self._records: dict[str, TokenRecord] = {}
        self._callers: dict[str, tuple[Verifier, Caller]] = {}
        self._decoy = Token.generate().verifier()
        self._bootstrap = bootstrap.verifier() if bootstrap is not None else None
        self._changed = changed
        self._writing = asyncio.Lock()
        self.used: dict[str, str] = {}
        self.loaded = self._closed = False
        self._index()

    @property
    def wanted(self) -> bool:
        """Whether a token is asked for: there is one, or was."""
        return self._closed or bool(self._records) or self._bootstrap is not None

    @property
    def records(self) -> tuple[TokenRecord, ...]:
        """All of them, revoked ones too, by name."""
        return tuple(self._records[name] for name in sorted(self._records))

    # ------------------------------------------------------------------------------------------------ reading

    async def load(self, registry: Registry, unless: Callable[[], bool] = lambda: False) -> tuple[str, ...]:
        """Read them all, and take them as they are ``unless`` that is true by then. Raises `RegistryError`.

        Returns complaints: of records that cannot be read. Such a token lets nobody in, and the rest goes on.
        """
        found = await registry.scan(PREFIX)
        if unless():
            return ()
        records, complaints = dict[str, TokenRecord](), list[str]()
        for record in found:
            try:
                token = msgspec.json.decode(record.value, type=TokenRecord)
                newer = token.version > VERSION
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                token, newer = None, False
            if token is not None and not newer and f"{PREFIX}{token.name}" == record.key:
                records[token.name] = token
                continue
            what = "was written by a newer Cutpoint" if newer else "is damaged"
            complaints.append(
                f"the registry's record {one_line(record.key)} {what}; that token lets nobody in; "
                "make it anew: cutpoint tokens create"
            )
        self._records, self._closed, self.loaded = records, bool(found), True
        self._index()
        return tuple(complaints)

    def _index(self) -> None:
        before = self._callers
        callers = dict[str, tuple[Verifier, Caller]]()
        if self._bootstrap is not None:
            key = self._bootstrap.id
            callers[key] = (self._bootstrap, Caller(name=BOOTSTRAP, scope="administer", key=key))
        for token in self._records.values():
            if token.revoked:
                continue
            for verifier, until in _verifiers(token):
                caller = Caller(name=token.name, scope=token.scope, key=verifier.id, until=until)
                callers[verifier.id] = (verifier, caller)
        self._callers = callers
        if any(callers.get(key) != old for key, old in before.items()):
            self._changed()

    # --------------------------------------------------------------------------------------------- recognising

    def holder(self, text: str) -> Caller | None:
        """Whose token this is; None if it is nobody's, or expired. An unknown one takes as long as a wrong one."""
        try:
            token = Token.parse(text)
        except ConfigurationError:
            return None
        verifier, caller = self._callers.get(token.id, (self._decoy, None))
        return self._standing(caller) if verifier.recognises(token.client_key) else None

    def verifier(self, key: str) -> tuple[Verifier, Caller] | None:
        """The verifier of the token with this id, and its holder; None if no such token counts."""
        verifier, caller = self._callers.get(key, (self._decoy, None))
        caller = self._standing(caller)
        return None if caller is None else (verifier, caller)

    def counting(self, key: str) -> Caller | None:
        """The holder of the token with this id, if it still counts."""
        _, caller = self._callers.get(key, (self._decoy, None))
        return caller if caller is not None and _counts(caller) else None

    def _standing(self, caller: Caller | None) -> Caller | None:
        if caller is None or not _counts(caller):
            return None
        self.used[caller.name] = now_utc()
        return caller

    # ------------------------------------------------------------------------------------------------ changing

    async def create(
        self, records: Records, name: str, scope: Scope, *, seconds: float | None, by: str
    ) -> tuple[Token, TokenRecord]:
        """Make a token. Raises `Refused` if there is one of this name that counts."""
        if not is_process_name(name) or name == BOOTSTRAP:
            raise Refused(
                400,
                "bad_name",
                f"{name[:100]!r} cannot name a token; nothing was done",
                "use 1 to 100 letters, digits, '.', '_' and '-', a letter or digit first",
            )
        async with self._writing:
            old = self._records.get(name)
            if old is not None and not old.revoked:
                raise Refused(
                    409, "token_exists", f"there is a token {name} already; nothing was done", "rotate or revoke it"
                )
            if old is None and len(self._records) >= TOKENS_MAX:
                raise Refused(
                    409,
                    "too_many_tokens",
                    f"there are {TOKENS_MAX} tokens; nothing was done",
                    "make one anew under the name of one that was revoked",
                )
            token = Token.generate()
            record = TokenRecord(
                name=name,
                scope=scope,
                verifier=token.verifier(),
                created=now_utc(),
                created_by=by,
                expires=None if seconds is None else time.time() + seconds,
            )
            await self._write(records, record)
        return token, record

    async def rotate(
        self, records: Records, name: str, *, grace_seconds: float, seconds: float | None
    ) -> tuple[Token, TokenRecord]:
        """Give a token a new secret; the old one counts for ``grace_seconds`` more. Raises `Refused`.

        ``seconds``: when the new one expires; None: as the old one would.
        """
        async with self._writing:
            old = self._active(name)
            token, now = Token.generate(), time.time()
            until = now + grace_seconds if old.expires is None else min(now + grace_seconds, old.expires)
            record = msgspec.structs.replace(
                old,
                verifier=token.verifier(),
                rotated=now_utc(),
                expires=old.expires if seconds is None else now + seconds,
                previous=Previous(verifier=old.verifier, until=until) if grace_seconds else None,
            )
            await self._write(records, record)
        return token, record

    async def revoke(self, records: Records, name: str) -> TokenRecord:
        """Let a token count no more, at once. Raises `Refused`, also for the last way to administer."""
        async with self._writing:
            old = self._active(name)
            others = (
                caller
                for _, caller in self._callers.values()
                if caller.scope == "administer" and caller.name != name and _counts(caller)
            )
            if old.scope == "administer" and not any(others):
                raise Refused(
                    409,
                    "last_administrator",
                    f"token {name} is the last one that may administer; nothing was done",
                    "make another first, or start the coordinator with --token-file",
                )
            record = msgspec.structs.replace(old, revoked=now_utc(), previous=None)
            await self._write(records, record)
        return record

    def _active(self, name: str) -> TokenRecord:
        found = self._records.get(name)
        if found is None or found.revoked:
            state = "was revoked" if found else "is unknown"
            raise Refused(
                404, "unknown_token", f"token {name[:100]} {state}; nothing was done", "see `cutpoint tokens list`"
            )
        return found

    async def _write(self, records: Records, record: TokenRecord) -> None:
        await records.write("token", [(f"{PREFIX}{record.name}", msgspec.json.encode(record))])
        self._records = {**self._records, record.name: record}
        self._index()


def _counts(caller: Caller) -> bool:
    return caller.until is None or time.time() < caller.until


def _verifiers(token: TokenRecord) -> tuple[tuple[Verifier, float | None], ...]:
    current = (token.verifier, token.expires)
    if token.previous is None:
        return (current,)
    return (current, (token.previous.verifier, token.previous.until))
