"""The commands that keep a store: verify, collect, replicate."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cutpoint.command import main
from cutpoint.store import DirectoryBackend, list_manifests, manifest_name, publish_manifest, read_manifest
from cutpoint.store.keys import KeyRing
from cutpoint.store.replica import read_replica_note
from tests.catalog.stores import Service, Shop

Run = Callable[..., tuple[int, str, str]]
CUTS = 14


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command line: its exit status and what it printed."""

    def command(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        assert err.count("\n") <= 1
        return status, out, err

    return command


def shop(folder: Path, cuts: int = CUTS, keys: KeyRing | None = None) -> Shop:
    """A store in ``folder`` with so many recovery points, each written in full."""
    services = Service("orders"), Service("stock")
    made = Shop(DirectoryBackend(folder), *services, keys=keys)
    for cut in range(cuts):
        for service in services:
            service.change(*((f"key-{n}", cut * n) for n in range(20)))
        made.take_cut("base")
    return made


@pytest.fixture
def store(tmp_path: Path) -> Path:
    shop(tmp_path / "store")
    return tmp_path / "store"


def printed(run: Run, *arguments: str) -> str:
    status, out, err = run(*arguments)
    assert (status, err) == (0, "")
    return out


def answered(run: Run, *arguments: str) -> Any:
    return json.loads(printed(run, *arguments, "--json"))


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()]


def test_a_dry_run_prints_the_plan_and_deletes_nothing(run: Run, store: Path) -> None:
    before = sorted(path for path in store.rglob("*") if path.is_file())
    printed(run, "pin", "2", "--store", str(store))
    out = printed(run, "collect", "--store", str(store), "--keep", "last 3", "--dry-run")
    assert ["1", "goes", "no", "rule", "keeps", "it"] in rows(out)
    assert ["2", "stays", "pinned"] in rows(out)
    assert ["14", "stays", "the", "last", "published;", "last", "1"] in rows(out)
    assert [row[:2] for row in rows(out) if row[:1] == ["dropped"]] == [["dropped", "10"]]
    assert out.splitlines()[-1].startswith("nothing was deleted; would be: 10 recovery points, ")
    assert [path for path in before if not path.exists()] == []
    plan = answered(run, "collect", "--store", str(store), "--keep", "last 3", "--dry-run")
    assert (plan["done"], plan["dropped"]) == (False, [1, *range(3, 12)])
    assert {each["fate"] for each in plan["objects"]} == {"dropped", "garbage", "kept", "needed", "young"}


def test_collect_deletes_what_its_plan_said(run: Run, store: Path) -> None:
    plan = answered(run, "collect", "--store", str(store), "--keep", "last 3", "--dry-run")
    out = printed(run, "collect", "--store", str(store), "--keep", "last 3", "--by", "ada")
    assert out.splitlines()[-1].startswith(f"deleted: 11 recovery points, {plan['packs']} packs, ")
    left = {path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()}
    assert left == {each["object"] for each in plan["objects"] if each["fate"] not in ("dropped", "garbage")}
    assert printed(run, "verify", "--store", str(store)).count("sound") == 3
    again = answered(run, "collect", "--store", str(store), "--keep", "last 3", "--rate", "1000")
    assert (again["done"], again["dropped"], again["bytes_freed"]) == (True, [], 0)


def test_without_a_registry_the_point_before_the_last_stays_too(run: Run, store: Path) -> None:
    answer = answered(run, "collect", "--store", str(store), "--keep", "last 1")
    assert list_manifests(DirectoryBackend(store)) == (13, 14)
    assert answer["points"][12] == {
        "cut": 13,
        "keep": True,
        "reasons": ["without its registry nobody knows whether the last one counts"],
    }


def test_collect_says_what_is_wrong_and_deletes_nothing(run: Run, store: Path) -> None:
    status, out, err = run("collect", "--store", str(store), "--keep", "last three")
    assert (status, out) == (1, "")
    assert "'last' needs a number from 1 to 1000000, and has 'three'; nothing was deleted; write something like" in err
    status, _, err = run("collect", "--store", str(store / "nothing"), "--keep", "last 3")
    assert (status, "there is no store at" in err) == (1, True)
    assert run("collect", "--store", str(store))[0] == 2
    assert run("collect", "--source", str(store))[0] == 2
    status, _, err = run("collect", "--keep", "last 3", "--coordinator", "http://127.0.0.1:1")
    assert (status, "nobody answers at" in err) == (1, True)
    assert len(list_manifests(DirectoryBackend(store))) == CUTS


def test_what_cannot_be_read_is_kept_and_the_exit_status_says_so(run: Run, store: Path) -> None:
    (store / manifest_name(list_manifests(DirectoryBackend(store))[3])).write_bytes(b"torn")
    (store / "notes.txt").write_text("mine")
    status, out, err = run("collect", "--store", str(store), "--keep", "last 1")
    assert status == 1
    assert "what belongs to recovery points 4 cannot be read, so they and whatever they may need were kept" in err
    assert "object notes.txt in file://" in out
    assert list_manifests(DirectoryBackend(store)) == (4, 13, 14)
    assert (store / "notes.txt").exists()


def test_verify_names_the_damaged_points_their_objects_and_what_is_still_good(run: Run, store: Path) -> None:
    good = answered(run, "verify", "--store", str(store))
    assert (good["sound"], good["full"], len(good["points"]), good["damaged"]) == (True, True, CUTS, [])
    assert good["bytes_read"] == sum(path.stat().st_size for path in (store / "packs").rglob("*") if path.is_file())
    (pack, *_) = sorted((store / "packs" / f"{4:012}").iterdir())
    data = bytearray(pack.read_bytes())
    data[40] ^= 1
    pack.write_bytes(bytes(data))
    assert answered(run, "verify", "--quick", "--store", str(store))["sound"]
    status, out, err = run("verify", "--store", str(store), "--full")
    assert status == 1
    assert "1 recovery point of 14 cannot be restored; cut 5: object packs/000000000004/" in err
    assert "cut 14 is the last sound one" in err
    assert f"object packs/000000000004/{pack.name}" in out
    assert out.count("sound") == CUTS - 1
    pack.unlink()
    status, out, err = run("verify", "--quick", "--store", str(store), "--json")
    assert (status, json.loads(out)["damaged"][0]["cuts"]) == (1, [5])
    assert run("verify", "4", "--store", str(store))[0] == 0
    assert run("verify", "--quick")[0] == 2


def test_verify_recomputes_the_certificate(run: Run, store: Path) -> None:
    backend = DirectoryBackend(store)
    last = list_manifests(backend)[-1]
    manifest = read_manifest(backend, last)
    backend.delete(manifest_name(last))
    publish_manifest(backend, msgspec.structs.replace(manifest, certificate={"channels": []}))
    assert run("verify", "--quick", "--store", str(store))[0] == 0
    status, _, err = run("verify", "--store", str(store))
    assert (status, "cut 14: object manifests/000000000014.json" in err) == (1, True)


def test_replicate_copies_once_and_then_what_is_new(run: Run, store: Path, tmp_path: Path) -> None:
    where = ("--from", str(store), "--to", str(tmp_path / "copy"))
    first = answered(run, "replicate", *where)
    assert (first["points"], first["lag_points"], first["complaints"]) == (list(range(1, CUTS + 1)), 0, [])
    assert printed(run, "replicate", *where) == "copied 0 recovery points, 0 objects, 0 B; in step\n"
    assert printed(run, "verify", "--store", str(tmp_path / "copy")).count("sound") == CUTS
    printed(run, "label", "3", "kept", "--store", str(store))
    assert answered(run, "replicate", *where)["objects"] == 1
    (points,) = (answered(run, "points", "--store", str(tmp_path / "copy"))["points"],)
    assert points[2]["labels"] == ["kept"]


def test_replicate_tells_what_could_not_be_copied(run: Run, store: Path, tmp_path: Path) -> None:
    (store / manifest_name(list_manifests(DirectoryBackend(store))[3])).write_bytes(b"torn")
    status, out, err = run("replicate", "--from", str(store), "--to", str(tmp_path / "copy"))
    assert status == 1
    assert "not everything was copied, and the rest was; recovery point 4 was not copied: object manifests/" in err
    assert out.splitlines()[-1].startswith("copied 13 recovery points, ")
    status, _, err = run("replicate", "--from", str(tmp_path / "copy"), "--to", str(store))
    assert (status, "is a store of its own; nothing was copied" in err) == (1, True)
    assert run("replicate", "--to", str(tmp_path / "copy"))[0] == 2


def test_a_replica_is_collected_with_its_source_and_promoted_when_that_is_gone(
    run: Run, store: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    printed(run, "replicate", "--from", str(store), "--to", str(copy))
    printed(run, "collect", "--store", str(store), "--keep", "last 2")
    status, _, err = run("collect", "--store", str(copy), "--keep", "last 2")
    assert (status, "is a replica: what it may delete depends on its source" in err) == (1, True)
    printed(run, "collect", "--store", str(copy), "--source", str(store), "--keep", "last 4")
    assert list_manifests(DirectoryBackend(copy)) == (11, 12, 13, 14)
    status, _, err = run("replicate", "--from", str(store), "--to", str(copy), "--promote")
    assert (status, "leave out --from" in err) == (1, True)
    out = printed(run, "replicate", "--to", str(copy), "--promote")
    assert out == f"{copy.as_uri()} is a store of its own now; its last recovery point is 14\n"
    assert read_replica_note(DirectoryBackend(copy)) is None
    status, _, err = run("replicate", "--to", str(copy), "--promote")
    assert (status, "is no replica; nothing was changed" in err) == (1, True)
    printed(run, "collect", "--store", str(copy), "--keep", "last 1")
    assert list_manifests(DirectoryBackend(copy)) == (13, 14)


def test_with_keys_marks_are_signed_and_what_is_not_is_kept(run: Run, tmp_path: Path) -> None:
    keys = KeyRing.generate(sealing=True)
    keys.save(tmp_path / "keys.json")
    keys.public().save(tmp_path / "public.json")
    store, given = tmp_path / "store", ("--keys", str(tmp_path / "keys.json"))
    shop(store, 4, keys)
    printed(run, "replicate", "--from", str(store), "--to", str(tmp_path / "copy"), *given)
    assert answered(run, "verify", "--store", str(tmp_path / "copy"), *given)["sealed"] == 0
    public = ("--keys", str(tmp_path / "public.json"))
    assert answered(run, "verify", "--store", str(tmp_path / "copy"), *public)["sealed"] == 8
    status, _, err = run("collect", "--store", str(store), "--keep", "last 1", *public)
    assert (status, "can only verify" in err) == (1, True)
    assert list_manifests(DirectoryBackend(store)) == (1, 2, 3, 4)
    printed(run, "collect", "--store", str(store), "--keep", "last 1", *given)
    assert list_manifests(DirectoryBackend(store)) == (3, 4)


def test_continuously_the_replica_follows_and_an_interruption_harms_nothing(run: Run, tmp_path: Path) -> None:
    made = shop(tmp_path / "store", 2)
    arguments = ("replicate", "--from", str(tmp_path / "store"), "--to", str(tmp_path / "copy"), "--every", "0.05")
    process = subprocess.Popen(
        [sys.executable, "-m", "cutpoint", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        replica = DirectoryBackend(tmp_path / "copy")
        for expected in ((1, 2), (1, 2, 3)):
            deadline = time.monotonic() + 30
            while list_manifests(replica) != expected and time.monotonic() < deadline:
                time.sleep(0.02)
            assert list_manifests(replica) == expected
            if expected[-1] == 2:
                made.take_cut("base")
    finally:
        process.kill()
        process.communicate()
    assert printed(run, "replicate", *arguments[1:-2]).endswith("in step\n")
    assert printed(run, "verify", "--store", str(tmp_path / "copy")).count("sound") == 3
