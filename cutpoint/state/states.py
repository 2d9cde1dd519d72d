"""All that a process declares as its state, recorded together and restored together.

`States.capture` is one synchronous step. A restore has two: `States.check` decodes and migrates everything and
changes nothing, `Restoration.apply` then swaps it all in without a step that can fail half-way. Only the
program's own hooks can still fail there; they run last, and the error names them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from cutpoint.errors import ConfigurationError, Damaged, RecoveryFailed, UsageError
from cutpoint.names import is_process_name
from cutpoint.state.built_in import BUILT_IN_SIGN
from cutpoint.state.capture import TableCapture
from cutpoint.state.checking import Checker
from cutpoint.state.declared import Content, Declared, Holder, Migrations, StoredLike, StoredTable
from cutpoint.state.formats import MSGPACK, format_named
from cutpoint.state.hooks import BuiltIn, Derived, Hooks
from cutpoint.state.recorded import CapturedState, Recorded, RecordedState
from cutpoint.state.table import FOLD_ENTRIES, Table
from cutpoint.state.value import Value
from cutpoint.wire.checks import one_line

T = TypeVar("T")
NO_MIGRATIONS: Migrations = {}


class Restoration:
    """Everything decoded and checked, not yet in place. Good for one `apply`."""

    def __init__(self, contents: Iterable[tuple[Declared, Content]]) -> None:
        self._contents = tuple(contents)
        self._applied = False

    def apply(self) -> None:
        """Put every state in place: tables and values, then restore hooks, then derived states, as declared.

        Raises `RecoveryFailed` that names every hook that failed; all else is in place then, so the process must
        not go on serving. Raises `UsageError` the second time.
        """
        if self._applied:
            raise UsageError("this restoration was applied before; check the part again for another")
        self._applied = True
        for declared, content in self._contents:
            if isinstance(declared.holder, Table):
                declared.holder.replace(content.value, base=content.exact)
                if declared.checker is not None:
                    declared.checker.restored(content.value if content.exact else {})
            elif isinstance(declared.holder, Value):
                declared.holder.replace(content.value)
        failures: list[str] = []
        for declared, content in self._contents:
            holder = declared.holder
            if isinstance(holder, Hooks):
                _run(declared, "restore", partial(holder.restore, content.value), failures)
        for declared, _content in self._contents:
            if isinstance(declared.holder, Derived):
                _run(declared, "rebuild", declared.holder.rebuild, failures)
        if failures:
            raise RecoveryFailed(
                f"{'; '.join(failures)}; tables and values are in place, what these hooks keep is not: "
                "correct them and start the process again"
            )


def _run(declared: Declared, hook: str, function: Callable[[], object], failures: list[str]) -> None:
    try:
        function()
    except Exception as error:  # the program's own code
        failures.append(f"{declared.where}: its {hook} hook failed: {one_line(f'{type(error).__name__}: {error}')}")


class States:
    """The states of one process, in the order in which they were declared."""

    def __init__(self) -> None:
        self._declared: dict[str, Declared] = {}
        self._sealed = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all states, built-in ones included, in the order of declaration."""
        return tuple(self._declared)

    @property
    def unsafe(self) -> tuple[tuple[str, str], ...]:
        """The states whose format runs code when it is read, by name, each with its format."""
        return tuple((name, each.format.name) for name, each in self._declared.items() if not each.format.safe)

    def seal(self) -> None:
        """Allow no further declarations: from now on cuts record exactly these."""
        self._sealed = True

    def table(
        self,
        name: str,
        *,
        version: int = 1,
        migrations: Migrations = NO_MIGRATIONS,
        format: str = "msgpack",  # noqa: A002
        check: bool = False,
    ) -> Table[Any, Any]:
        """Declare a `Table`; it begins empty. ``check``: look for values that are changed in place (see `checking`)."""
        table: Table[Any, Any] = Table(f"state {name!r}")
        self._declare(name, table, version, migrations, format, check=check)
        return table

    def value(
        self,
        name: str,
        initial: T,
        *,
        version: int = 1,
        migrations: Migrations = NO_MIGRATIONS,
        format: str = "msgpack",  # noqa: A002
    ) -> Value[T]:
        """Declare a `Value` that begins as a copy of ``initial``, made by way of its format."""
        encoded = format_named(format).encode(initial, f"state {name!r}, its initial value,")
        value = Value(initial)
        declared = self._declare(name, value, version, migrations, format, initial=encoded)
        value.replace(declared.initial_content())
        return value

    def state(
        self,
        name: str,
        *,
        capture: Callable[[], object],
        restore: Callable[[Any], object],
        version: int = 1,
        migrations: Migrations = NO_MIGRATIONS,
        format: str = "msgpack",  # noqa: A002
    ) -> Hooks:
        """Declare state that the program keeps itself. ``restore(None)`` means: begin anew."""
        hooks = Hooks(capture=capture, restore=restore)
        self._declare(name, hooks, version, migrations, format)
        return hooks

    def derived(self, name: str, *, rebuild: Callable[[], object]) -> Derived:
        """Declare state that is never stored; ``rebuild`` makes it again from the other states after a restore."""
        derived = Derived(rebuild=rebuild)
        self._declare(name, derived, 1, NO_MIGRATIONS, MSGPACK.name)
        return derived

    def built_in(self, name: str, built_in: BuiltIn) -> None:
        """Declare what an agent keeps for every service; ``name`` begins with `BUILT_IN_SIGN`."""
        assert name.startswith(BUILT_IN_SIGN)
        self._declared[name] = Declared(name=name, holder=built_in, format=MSGPACK, version=1, migrations={})

    def _declare(
        self,
        name: str,
        holder: Holder,
        version: int,
        migrations: Migrations,
        format_name: str,
        *,
        initial: bytes = b"",
        check: bool = False,
    ) -> Declared:
        if self._sealed:
            raise UsageError(f"state {name!r} is declared after the start; declare every state before it")
        if type(name) is not str or not is_process_name(name):
            raise ConfigurationError(
                f"{one_line(repr(name))} cannot name a state: take 1 to 100 letters, digits, '.', '_' and '-', "
                "a letter or digit first"
            )
        if name in self._declared:
            raise ConfigurationError(f"state {name!r} is declared twice; give one of the two another name")
        format_ = format_named(format_name)
        declared = Declared(
            name=name,
            holder=holder,
            format=format_,
            version=version,
            migrations=dict(migrations),
            initial=initial,
            checker=Checker(holder, format_, f"state {name!r}") if check and isinstance(holder, Table) else None,
        )
        self._declared[name] = declared
        return declared

    def capture(self) -> tuple[CapturedState, ...]:
        """Record every state that is not derived, in one synchronous step.

        Raises `ConfigurationError` or `UsageError` that names the state; the states themselves are unchanged.
        """
        recorded = (d.capture() for d in self._declared.values() if not isinstance(d.holder, Derived))
        return tuple(state for state in recorded if state is not None)

    def record(self, full: Collection[str] = ()) -> Recorded:
        """Record every state that is not derived, in one synchronous step; tables are captured and read later.

        ``full``: the tables of which the full content will be read, besides those that have nothing on which a delta
        could build. Raises `ConfigurationError` or `UsageError` that names the state; nothing is captured then.
        """
        recorded: list[RecordedState] = []
        captures: list[TableCapture] = []
        try:
            for name, declared in self._declared.items():
                if isinstance(declared.holder, Table):
                    table = declared.captured_table(full=name in full)
                    captures.append(table.capture)
                    recorded.append(table)
                elif not isinstance(declared.holder, Derived):
                    value = declared.capture()
                    if value is not None:
                        recorded.append(value)
        except BaseException:
            for capture in captures:
                capture.abandoned()
            raise
        return Recorded(recorded)

    def held(self) -> tuple[CapturedState, ...]:
        """Every table and value as it is at this moment, whole; nothing is recorded and no hook is called.

        For who compares it with what is stored: states whose format is not safe to read are left out. Raises
        `ConfigurationError` that names the state if its format cannot keep it.
        """
        kept = (d for d in self._declared.values() if isinstance(d.holder, Table | Value) and d.format.safe)
        captured = (declared.capture() for declared in kept)
        return tuple(state for state in captured if state is not None)

    @property
    def entries(self) -> int:
        """How many entries the tables have together."""
        return sum(map(len, self._tables()))

    @property
    def changed(self) -> int:
        """How many entries of tables have changed since they were recorded last."""
        return sum(table.statistics().changed for table in self._tables())

    def fold(self, entries: int = FOLD_ENTRIES) -> bool:
        """Tidy up behind captures in a slice of at most ``entries`` of one table; whether something is left to do.

        Call it between other work until it returns ``False``.
        """
        return any(table.fold(entries) for table in self._tables())

    def compare(self, entries: int = FOLD_ENTRIES) -> Iterator[tuple[str, ...]]:
        """Compare tables that were declared with ``check`` with what is stored of them, ``entries`` at each step.

        Begin it after a cut is published or a part restored, and do other work between two steps. It gives complaints:
        one for each entry that was changed in place without a word.
        """
        for declared in self._declared.values():
            if declared.checker is not None:
                yield from declared.checker.compare(entries)

    def _tables(self) -> Iterator[Table[Any, Any]]:
        return (declared.holder for declared in self._declared.values() if isinstance(declared.holder, Table))

    def check(self, stored: Iterable[StoredLike | StoredTable]) -> Restoration:
        """Decode and check every recorded state against this program; nothing is changed before `Restoration.apply`.

        A state that was not recorded begins at its initial content. One that was recorded and is declared derived
        now is rebuilt. Raises `ConfigurationError` where program and part do not fit (a state that is no longer
        declared, a missing migration, another kind or an unsafe format), `Damaged` where the bytes are bad.
        """
        recorded: dict[str, StoredLike | StoredTable] = {}
        for one in stored:
            if one.name in recorded:
                raise Damaged(
                    f"state {one_line(repr(one.name))} is in the part twice; recover to another recovery point"
                )
            recorded[one.name] = one
        unknown = [name for name in recorded if name not in self._declared]
        if any(name.startswith(BUILT_IN_SIGN) for name in unknown):
            raise ConfigurationError(
                f"the part holds {one_line(', '.join(map(repr, unknown)))}, which this release of Cutpoint does not "
                "know; nothing was changed; start the service with the release that recorded it, or a newer one"
            )
        if unknown:
            raise ConfigurationError(
                f"the part holds state {one_line(', '.join(map(repr, unknown)))}, which this program does not declare; "
                "nothing was changed; declare it again, or declare it as derived to drop it"
            )
        contents: list[tuple[Declared, Content]] = []
        for name, declared in self._declared.items():
            if name in recorded and not isinstance(declared.holder, Derived):
                contents.append((declared, declared.content_of(recorded[name])))
            else:
                contents.append((declared, Content(value=declared.initial_content())))
        return Restoration(contents)

    def reset(self) -> None:
        """Begin anew: empty tables, fresh initial values, ``restore(None)`` for hooks, derived states rebuilt.

        Raises `RecoveryFailed` as `Restoration.apply` does.
        """
        self.check(()).apply()
