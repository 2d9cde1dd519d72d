"""The embedded registry's tables, as blocking calls from one thread.

One revision counts up over everything: a commit takes one, a leadership takes one as its fence. Every change is one
SQLite transaction begun with the write lock, in which the fence is compared; so a commit is either wholly there or,
if SQLite says no, wholly not, and its answer is never in doubt unless the process dies.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cutpoint.errors import ConfigurationError, RegistryError
from cutpoint_coordinator.registry import embedded_lock
from cutpoint_coordinator.registry.embedded_lock import LockFile
from cutpoint_coordinator.registry.interface import (
    REMEMBERED_MAX,
    Committed,
    Conflict,
    Leader,
    Leadership,
    Record,
    Transaction,
    fenced,
)

_FORMAT = 1
_FILE = "registry.sqlite"

_TABLES = """
CREATE TABLE registry (
    id INTEGER PRIMARY KEY CHECK (id = 1), prefix TEXT NOT NULL, revision INTEGER NOT NULL,
    fence INTEGER NOT NULL, candidate TEXT NOT NULL, address TEXT NOT NULL, ttl_seconds REAL NOT NULL
);
CREATE TABLE records (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE requests (revision INTEGER PRIMARY KEY, request TEXT NOT NULL UNIQUE);
"""


class Candidacy(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to lead, where it is reached, and after how many seconds without a sign it may be passed over."""

    candidate: str
    address: str
    ttl_seconds: float


class EmbeddedDatabase:
    """The registry in ``directory``. Every method is called from the thread that made it."""

    def __init__(self, directory: Path, *, prefix: str, patience_seconds: float) -> None:
        self._directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(directory / _FILE, timeout=patience_seconds, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(directory, error) from error
        try:
            self._prepare(prefix, patience_seconds)
        except (OSError, sqlite3.Error) as error:
            self._connection.close()
            raise _unusable(directory, error) from error
        except BaseException:
            self._connection.close()
            raise

    def stand(self, candidacy: Candidacy) -> tuple[Leadership, LockFile] | None:
        """Lead, if nobody does who is alive: the leadership and its lock, held."""
        if self._is_led():  # without the write lock, so that waiting candidates do not disturb the leader
            return None
        lock = None
        try:
            with self._writing():
                if self._is_led():
                    return None
                fence = self._next_revision()
                lock = LockFile.hold(self._directory, fence)
                self._connection.execute(
                    "UPDATE registry SET fence = ?, candidate = ?, address = ?, ttl_seconds = ?",
                    (fence, candidacy.candidate, candidacy.address, candidacy.ttl_seconds),
                )
                self._connection.execute("DELETE FROM requests")
        except BaseException as error:
            if lock is not None:
                lock.release()
            if isinstance(error, OSError):
                raise self._failed(error) from error
            raise
        embedded_lock.clear_former(self._directory, fence)
        return Leadership(candidate=candidacy.candidate, fence=fence), lock

    def leader(self) -> Leader | None:
        """Who leads and is alive."""
        with self._reading():
            return self._standing()

    def resign(self, leadership: Leadership) -> None:
        """Leave the leader's place empty, if it is ``leadership``'s. The caller then releases the lock."""
        with self._writing():
            self._connection.execute("UPDATE registry SET fence = 0 WHERE fence = ?", (leadership.fence,))

    def dismiss(self, leader: Leader) -> None:
        """Leave the leader's place empty, if it is ``leader``'s."""
        with self._writing():
            self._connection.execute(
                "UPDATE registry SET fence = 0 WHERE candidate = ? AND address = ?", (leader.candidate, leader.address)
            )

    def read(self, key: str) -> Record | None:
        """The record at ``key``, or None."""
        with self._reading():
            row = self._connection.execute("SELECT key, value, revision FROM records WHERE key = ?", (key,)).fetchone()
            return _record(row) if row is not None else None

    def scan(self, prefix: str) -> tuple[Record, ...]:
        """The records below ``prefix``, ascending by key."""
        question = (
            "SELECT key, value, revision FROM records WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1 ORDER BY key"
        )
        with self._reading():
            return tuple(_record(row) for row in self._connection.execute(question, (prefix,)))

    def commit(self, leadership: Leadership, transaction: Transaction) -> Committed | Conflict:
        """Apply ``transaction`` if the fence and every expectation hold. Raises `Fenced`."""
        with self._writing():
            (fence,) = self._connection.execute("SELECT fence FROM registry").fetchone()
            if fence != leadership.fence:
                raise fenced(leadership, self._standing())
            applied = self._connection.execute(
                "SELECT revision FROM requests WHERE request = ?", (transaction.request,)
            ).fetchone()
            if applied is not None:
                return Committed(revision=applied[0])
            for key, revision in transaction.expected:
                row = self._connection.execute("SELECT revision FROM records WHERE key = ?", (key,)).fetchone()
                if (row[0] if row is not None else 0) != revision:
                    return Conflict(key=key)
            return self._apply(transaction)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    # ---------------------------------------------------------------------------------------------------- inside

    def _apply(self, transaction: Transaction) -> Committed:
        revision = self._next_revision()
        self._connection.executemany(
            "INSERT OR REPLACE INTO records (key, value, revision) VALUES (?, ?, ?)",
            [(key, value, revision) for key, value in transaction.puts],
        )
        self._connection.executemany("DELETE FROM records WHERE key = ?", [(key,) for key in transaction.deletes])
        self._connection.execute(
            "INSERT INTO requests (revision, request) VALUES (?, ?)", (revision, transaction.request)
        )
        self._connection.execute(
            "DELETE FROM requests WHERE revision <="
            " (SELECT revision FROM requests ORDER BY revision DESC LIMIT 1 OFFSET ?)",
            (REMEMBERED_MAX,),
        )
        return Committed(revision=revision)

    def _next_revision(self) -> int:
        (revision,) = self._connection.execute("SELECT revision + 1 FROM registry").fetchone()
        self._connection.execute("UPDATE registry SET revision = ?", (revision,))
        return int(revision)

    def _is_led(self) -> bool:
        with self._reading():
            return self._standing() is not None

    def _standing(self) -> Leader | None:
        fence, candidate, address, ttl_seconds = self._connection.execute(
            "SELECT fence, candidate, address, ttl_seconds FROM registry"
        ).fetchone()
        alive = fence > 0 and embedded_lock.is_alive(self._directory, fence, ttl_seconds)
        return Leader(candidate, address) if alive else None

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._failed(error) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction with the write lock: whole if the block ends well, nothing otherwise."""
        try:
            with self._transaction():
                yield
        except sqlite3.Error as error:
            raise self._failed(error) from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _switch_to_log(self, patience_seconds: float) -> None:
        """Use a write-ahead log. SQLite does not wait for other processes that are just opening, so we do."""
        until = time.monotonic() + patience_seconds
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def _prepare(self, prefix: str, patience_seconds: float) -> None:
        self._switch_to_log(patience_seconds)
        self._connection.execute("PRAGMA synchronous = FULL")
        with self._transaction():
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _TABLES.split(";\n"):
                    self._connection.execute(statement)
                self._connection.execute("INSERT INTO registry VALUES (1, ?, 0, 0, '', '', 0)", (prefix,))
                self._connection.execute(f"PRAGMA user_version = {_FORMAT}")
            elif version != _FORMAT:
                raise ConfigurationError(
                    f"The registry in {self._directory} has format {version} and this Cutpoint reads {_FORMAT}; "
                    "nothing was changed; use the Cutpoint that wrote it, or another directory."
                )
        (owner,) = self._connection.execute("SELECT prefix FROM registry").fetchone()
        if owner != prefix:
            raise ConfigurationError(
                f"The registry in {self._directory} belongs to {owner}, not to {prefix}; nothing was changed; "
                "give each computation a directory of its own."
            )
        for folder in (self._directory, self._directory.parent):
            _fsync_folder(folder)

    def _failed(self, error: Exception) -> RegistryError:
        return RegistryError(
            f"The registry in {self._directory} failed ({error}); nothing was written; "
            "see to the disk or to who else uses the directory, then try again."
        )


def _unusable(directory: Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"The registry's directory {directory} cannot be used ({error}); nothing was started; "
        "name a directory on a local disk that this user may write to, or that was a registry before."
    )


def _record(row: tuple[str, bytes, int]) -> Record:
    return Record(key=row[0], value=row[1], revision=row[2])


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
