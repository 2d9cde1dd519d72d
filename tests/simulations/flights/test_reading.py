from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError
from cutpoint_simulations.flights.reading import COLUMNS, JANUARY, Flight, origins_of, read_flights
from tests.simulations.flights.flight_files import invented, write_flights

HEADER = ",".join(COLUMNS)
ROW = "2013-01-01T05:17,UA,1545,N14228,EWR,IAH,227,1400"


def test_january_is_complete_and_its_first_flight_is_the_first_to_depart() -> None:
    flights = read_flights(JANUARY)
    assert len(flights) == 26_398
    assert origins_of(flights) == ("EWR", "JFK", "LGA")
    assert flights[0] == Flight(
        departure="2013-01-01T05:17",
        carrier="UA",
        flight="1545",
        tailnum="N14228",
        origin="EWR",
        dest="IAH",
        air_minutes=227,
        distance_miles=1400,
    )


def test_plain_and_gzip_are_told_apart_by_content(tmp_path: Path) -> None:
    flights = invented(50)
    plain = write_flights(tmp_path / "february.csv", flights)
    packed = tmp_path / "february"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_flights(plain) == read_flights(packed) == flights


def test_columns_may_come_in_any_order_and_after_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "turned.csv"
    turned = [",".join(reversed(line.split(","))) for line in (HEADER, ROW)]
    path.write_text("\n".join(turned), encoding="utf-8-sig")
    assert read_flights(path)[0].route == "EWR-IAH"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1 misses the column departure"),
        (HEADER, "it holds no flights"),
        (HEADER.replace("dest", "destination"), "line 1 names an unknown column 'destination'"),
        (f"{HEADER},gate", "line 1 names an unknown column 'gate'"),
        (HEADER.removesuffix(",distance_miles"), "line 1 misses the column distance_miles"),
        (f"{HEADER},dest", "line 1 repeats the column dest"),
        (f"{HEADER}\n{ROW}\n{ROW},9", "line 3 has 9 fields instead of 8"),
        (f"{HEADER}\n{ROW}\n{ROW.replace('1400', '14e2')}", "line 3, column distance_miles says '14e2'"),
        (f"{HEADER}\n{ROW.replace('227', '-1')}", "line 2, column air_minutes says '-1'"),
        (f"{HEADER}\n{ROW.replace('227', '²')}", "line 2, column air_minutes says '²'"),
        (f"{HEADER}\n{ROW.replace('2013-01-01T', '1 January ')}", "line 2, column departure says '1 January 05:17'"),
        (f"{HEADER}\n{ROW.replace('01-01', '02-30')}", "line 2, column departure says '2013-02-30T05:17'"),
        (f"{HEADER}\n{ROW.replace('01-01', 'W01-1')}", "line 2, column departure says '2013-W01-1T05:17'"),
        (f"{HEADER}\n{ROW.replace('N14228', '')}", "line 2, column tailnum says ''"),
        (f"{HEADER}\n{ROW.replace('EWR', '../x')}", "line 2, column origin says '../x'"),
        (f"{HEADER}\n{ROW.replace('IAH', 'Houston')}", "line 2, column dest says 'Houston'"),
        (f'{HEADER}\n"{ROW}', "line 2 is not CSV (unexpected end of data)"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_that_names_the_place(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        read_flights(path)
    said = str(refused.value)
    assert said.startswith(f"{path} is no file of flights: {complaint}")
    assert "; nothing was started; " in said
    assert "\n" not in said


def test_a_gzip_file_that_is_cut_short_or_altered_is_refused(tmp_path: Path) -> None:
    whole = JANUARY.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for number, data in enumerate((whole[:1000], whole[:-3], bytes(flipped), b"not gzip at all")):
        path = tmp_path / f"{number}.csv.gz"
        path.write_bytes(data)
        with pytest.raises(ConfigurationError, match="it is not a whole gzip file"):
            read_flights(path)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, complaint in (
        (tmp_path / "nowhere.csv", r"it cannot be read \(No such file or directory\)"),
        (tmp_path, r"it cannot be read \(Is a directory\)"),
        (binary, "byte 0 is not UTF-8"),
    ):
        with pytest.raises(ConfigurationError, match=complaint):
            read_flights(path)


def test_too_many_origins_are_refused_before_they_become_processes(tmp_path: Path) -> None:
    path = write_flights(tmp_path / "many.csv", invented(500, origins=tuple(f"A{n:02}" for n in range(13))))
    with pytest.raises(ConfigurationError, match="column origin holds 13 airports"):
        read_flights(path)
