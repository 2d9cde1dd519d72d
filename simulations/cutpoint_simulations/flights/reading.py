"""A file of flights, read as a whole and checked line by line before anything is started.

The columns are those of the file that ships with this package (``data/PROVENANCE.md``), in any order; plain CSV or
gzip, told apart by content. A file that is not exactly that is refused with the line and the column at fault;
nothing is guessed, dropped or repaired.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from cutpoint.errors import ConfigurationError

JANUARY = Path(__file__).parent / "data" / "flights-2013-01.csv.gz"
"""The file that ships with this package."""

ORIGINS_MAX = 12
"""Each origin becomes an OS process."""

_GZIP_MAGIC = b"\x1f\x8b"


class Flight(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file. ``departure`` is local time, ``origin`` and ``dest`` are airport codes."""

    departure: str
    carrier: str
    flight: str
    tailnum: str
    origin: str
    dest: str
    air_minutes: int
    distance_miles: int

    @property
    def route(self) -> str:
        """``origin-dest``: the key under which flights are counted."""
        return f"{self.origin}-{self.dest}"


COLUMNS = Flight.__struct_fields__


def read_flights(path: Path) -> tuple[Flight, ...]:
    """All flights of ``path`` in its order. Raises `ConfigurationError` in one line."""
    rows = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        flights = tuple(_flights(path, rows))
    except csv.Error as error:
        raise _wrong(path, f"line {rows.line_num} is not CSV ({error})", "write the file again") from error
    if not flights:
        raise _wrong(path, "it holds no flights", "give a file with at least one line below the header")
    origins = sorted({flight.origin for flight in flights})
    if len(origins) > ORIGINS_MAX:
        raise _wrong(
            path,
            f"its column origin holds {len(origins)} airports, and each takes a process of its own",
            f"keep the flights of at most {ORIGINS_MAX} airports",
        )
    return flights


def origins_of(flights: tuple[Flight, ...]) -> tuple[str, ...]:
    """The airports that flights leave from, in alphabetical order."""
    return tuple(sorted({flight.origin for flight in flights}))


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        if raw.startswith(_GZIP_MAGIC) or path.suffix == ".gz":
            raw = gzip.decompress(raw)
        return raw.decode("utf-8-sig")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _wrong(path, f"it is not a whole gzip file ({error})", "fetch or compress it again") from error
    except OSError as error:
        raise _wrong(
            path, f"it cannot be read ({error.strerror or error})", "give the path of a readable file"
        ) from error
    except UnicodeDecodeError as error:
        raise _wrong(path, f"byte {error.start} is not UTF-8", "give a CSV file in UTF-8, plain or gzip") from error


def _flights(path: Path, rows: Iterator[list[str]]) -> Iterator[Flight]:
    header = next(rows, [])
    places = _places(path, header)
    for line, row in enumerate(rows, 2):
        if not row:
            continue
        if len(row) != len(header):
            raise _wrong(
                path, f"line {line} has {len(row)} fields instead of {len(header)}", "mend or remove that line"
            )
        yield _flight(path, line, [row[place] for place in places])


def _places(path: Path, header: list[str]) -> list[int]:
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in COLUMNS if header.count(name) != 1]
    needed = f"the columns are {','.join(COLUMNS)}"
    if unknown:
        raise _wrong(path, f"line 1 names an unknown column {unknown[0][:60]!r}", needed)
    if missing:
        times = "misses" if missing[0] not in header else "repeats"
        raise _wrong(path, f"line 1 {times} the column {missing[0]}", needed)
    return [header.index(name) for name in COLUMNS]


def _flight(path: Path, line: int, row: list[str]) -> Flight:
    departure, carrier, flight, tailnum, origin, dest, air_minutes, distance_miles = row
    if not _is_minute(departure):
        raise _bad(path, line, "departure", departure, "a time like 2013-01-31T23:59")
    for column, text in (("carrier", carrier), ("flight", flight), ("tailnum", tailnum)):
        if not text or len(text) > 20 or not text.isprintable():
            raise _bad(path, line, column, text, "1 to 20 printable characters")
    for column, text in (("origin", origin), ("dest", dest)):
        if not (2 <= len(text) <= 5 and text.isascii() and text.isalnum() and text.upper() == text):
            raise _bad(path, line, column, text, "an airport code such as JFK")
    return Flight(
        departure=departure,
        carrier=carrier,
        flight=flight,
        tailnum=tailnum,
        origin=origin,
        dest=dest,
        air_minutes=_number(path, line, "air_minutes", air_minutes),
        distance_miles=_number(path, line, "distance_miles", distance_miles),
    )


def _is_minute(text: str) -> bool:
    """Whether ``text`` is a time to the minute; an airport's local time, so without a zone."""
    if len(text) != 16 or (text[4], text[7], text[10], text[13]) != ("-", "-", "T", ":"):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _number(path: Path, line: int, column: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise _bad(path, line, column, text, "a whole number from 0 to 999999")
    return int(text)


def _bad(path: Path, line: int, column: str, text: str, needed: str) -> ConfigurationError:
    return _wrong(path, f"line {line}, column {column} says {text[:60]!r}", f"it takes {needed}")


def _wrong(path: Path, what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"{path} is no file of flights: {what}; nothing was started; {remedy}")
