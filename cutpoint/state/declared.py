"""One declared state: its name, schema version, migrations and format, around the object that holds it.

The declaration knows how the holder's content becomes bytes and how stored bytes, of this version or an older
one, become content again. It changes the holder only when it is told to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

from cutpoint.errors import ConfigurationError, CutpointError, Damaged, UsageError
from cutpoint.state.batches import apply_batch, decode_batches
from cutpoint.state.checking import Checker
from cutpoint.state.formats import Format, format_named
from cutpoint.state.hooks import BuiltIn, Derived, Hooks
from cutpoint.state.recorded import CapturedState, CapturedTable
from cutpoint.state.table import Table
from cutpoint.state.value import Value
from cutpoint.wire.checks import one_line

Migrations = Mapping[int, Callable[[Any], Any]]
"""``{n: f}``: ``f`` takes decoded content of version ``n`` and returns content of version ``n + 1``."""

Holder = Table[Any, Any] | Value[Any] | Hooks | Derived


class StoredLike(Protocol):
    """What a part says of one state; `CapturedState` is one, the store's record of it another.

    A table's is a `StoredTable` and need not have ``data``.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def format(self) -> str: ...
    @property
    def data(self) -> bytes: ...


@runtime_checkable
class StoredTable(Protocol):
    """What a part says of a table. ``chunks``: of all its runs, oldest first; they are read one at a time."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def format(self) -> str: ...
    def chunks(self) -> Iterable[bytes]: ...


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a state is to hold. ``exact``: it is what was recorded, so a delta can build on that."""

    value: Any
    exact: bool = False


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A state as the program declared it. ``initial`` is a value's first content, encoded."""

    name: str
    holder: Holder
    format: Format
    version: int
    migrations: Migrations
    initial: bytes = b""
    checker: Checker | None = None

    def __post_init__(self) -> None:
        if type(self.version) is not int or self.version < 1:
            raise ConfigurationError(f"state {self.name!r}: version {self.version!r} is not a whole number from 1")
        for step, migration in self.migrations.items():
            if type(step) is not int or not 1 <= step < self.version:
                raise ConfigurationError(
                    f"state {self.name!r}: there is a migration from version {step!r}, "
                    f"but versions go from 1 to {self.version}; the key is the version that a migration starts from"
                )
            if not callable(migration):
                raise ConfigurationError(f"state {self.name!r}: the migration from version {step} is not a function")

    @property
    def where(self) -> str:
        """How errors call this state."""
        return f"state {self.name!r}"

    def capture(self) -> CapturedState | None:
        """Encode what the state holds now, completely: what changes afterwards is not in it.

        ``None`` for a built-in state that has nothing to record. Raises `ConfigurationError` if the format cannot keep
        it, `UsageError` if the capture hook failed.
        """
        content = self._content()
        if content is None and isinstance(self.holder, BuiltIn):
            return None
        try:
            data = self.format.encode(content, self.where)
        except ConfigurationError:
            if isinstance(self.holder, Table):
                for key, value in self.holder.items():
                    self.format.encode((key, value), f"{self.where}, key {one_line(repr(key))}")
            raise
        return CapturedState(
            name=self.name, kind=self.holder.kind, version=self.version, format=self.format.name, data=data
        )

    def captured_table(self, *, full: bool) -> CapturedTable:
        """Capture the table that this is. Raises `UsageError` while the outcome of the capture before is open."""
        assert isinstance(self.holder, Table)
        if self.checker is not None:
            self.checker.recording()
        capture = self.holder.capture(full=full)
        return CapturedTable(
            name=self.name, version=self.version, capture=capture, encoding=self.format, checker=self.checker
        )

    def _content(self) -> object:
        if isinstance(self.holder, Derived):
            raise UsageError(f"{self.where} is derived and never recorded")
        if not isinstance(self.holder, Hooks):
            return self.holder.content()
        try:
            return self.holder.capture()
        except Exception as error:
            raise UsageError(
                f"{self.where}: its capture hook failed: {one_line(f'{type(error).__name__}: {error}')}; "
                "nothing was recorded; correct the hook"
            ) from error

    def content_of(self, stored: StoredLike | StoredTable) -> Content:
        """Decode and migrate ``stored`` into content that this program's version can hold. Changes nothing.

        Raises `ConfigurationError` where this program and the part do not fit, `Damaged` where the bytes are bad.
        """
        if stored.kind != self.holder.kind:
            raise ConfigurationError(
                f"{self.where} is declared as {self.holder.kind} and was recorded as {one_line(stored.kind)}; "
                "nothing was changed; declare it as it was recorded, or give the new state another name"
            )
        chain = self._chain(stored.version)
        format_ = format_named(stored.format)
        if not format_.safe and format_ is not self.format:
            raise ConfigurationError(
                f"{self.where} was recorded as {format_.name}, which runs code when it is read, and is declared as "
                f'{self.format.name}; nothing was read; declare it with format="{format_.name}" if you trust the store'
            )
        if isinstance(self.holder, Table) and isinstance(stored, StoredTable):
            content: Any = self._replayed(stored.chunks(), format_)
        else:
            content = format_.decode(cast(StoredLike, stored).data, self.where)
        self._check(content, "the recorded content", Damaged)
        for step in chain:
            content = self._migrated(content, step)
        exact = isinstance(stored, StoredTable) and not chain and format_ is self.format
        return Content(value=self._parsed(content) if isinstance(self.holder, BuiltIn) else content, exact=exact)

    def _replayed(self, chunks: Iterable[bytes], format_: Format) -> dict[Any, Any]:
        content: dict[Any, Any] = {}
        for batch in decode_batches(format_, chunks, self.where):
            apply_batch(content, batch, self.where)
        return content

    def _parsed(self, content: Any) -> Any:
        assert isinstance(self.holder, BuiltIn)
        try:
            return self.holder.parse(content)
        except ValueError as error:
            raise Damaged(
                f"{self.where} is not what an agent records: {one_line(error)}; nothing was changed; "
                "recover to another recovery point"
            ) from error

    def _chain(self, version: int) -> range:
        """The migrations to run, by the version that each starts from."""
        if version > self.version:
            raise ConfigurationError(
                f"{self.where} was recorded with version {version}, this program knows versions up to {self.version}; "
                "nothing was changed; start the newer program"
            )
        chain = range(version, self.version)
        missing = [step for step in chain if step not in self.migrations]
        if version < 1 or missing:
            raise ConfigurationError(
                f"{self.where} was recorded with version {version}, this program has version {self.version} and no "
                f"migration from version {missing[0] if missing else version}; nothing was changed; add the migration"
            )
        return chain

    def _migrated(self, content: Any, step: int) -> Any:
        try:
            content = self.migrations[step](content)
        except Exception as error:
            raise ConfigurationError(
                f"{self.where}: the migration from version {step} failed: "
                f"{one_line(f'{type(error).__name__}: {error}')}; nothing was changed; correct the migration"
            ) from error
        self._check(content, f"what the migration from version {step} returned", ConfigurationError)
        return content

    def _check(self, content: Any, what: str, error: type[CutpointError]) -> None:
        if isinstance(self.holder, Table) and type(content) is not dict:
            raise error(f"{self.where}: {what} is {type(content).__name__}, a table needs a dict; nothing was changed")

    def initial_content(self) -> Any:
        """A fresh copy of the content at the beginning: an empty dict, a value's initial, ``None`` for hooks."""
        if isinstance(self.holder, Table):
            return {}
        return self.format.decode(self.initial, self.where) if isinstance(self.holder, Value) else None
