"""``cutpoint keys``: every command in its good case, and one line for what is wrong."""

from __future__ import annotations

import io
import json
import re
import stat
from pathlib import Path
from typing import NamedTuple

import pytest

from cutpoint import command
from cutpoint.store.keys import KeyRing


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key file in the current folder."""
    monkeypatch.chdir(tmp_path)
    KeyRing.generate(sealing=True).save("keys.json")
    return tmp_path / "keys.json"


class Ended(NamedTuple):
    """How a command has ended and what it has printed."""

    status: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], line: str) -> Ended:
    """Run ``cutpoint keys``; no secret of a file in the current folder may be printed."""
    status = command.main(["keys", *line.split()])
    out, err = capsys.readouterr()
    for file in Path().glob("*.json"):
        for secret in re.findall(r'"secret": "(.*)"', file.read_text(encoding="utf-8")):
            assert secret not in out + err
    return Ended(status, out, err)


def done(capsys: pytest.CaptureFixture[str], line: str) -> str:
    ended = run(capsys, line)
    assert (ended.status, ended.err) == (0, "")
    return ended.out


def failed(capsys: pytest.CaptureFixture[str], line: str, status: int = 1) -> str:
    ended = run(capsys, line)
    assert (ended.status, ended.out) == (status, "")
    assert ended.err.startswith("cutpoint: error: ")
    assert ended.err.count("\n") == 1
    return ended.err


def test_a_new_file_is_for_its_owner_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = done(capsys, "generate --keys keys.json --seal")
    ring = KeyRing.load("keys.json")
    sign, seal = ring.keys
    assert said == f"keys.json: key {sign.id} (ed25519) signs\nkeys.json: key {seal.id} (aes-256-gcm) seals\n"
    assert stat.S_IMODE(Path("keys.json").stat().st_mode) == 0o600
    assert sign.created.endswith("Z")
    assert "is there already" in failed(capsys, "generate --keys keys.json")
    assert KeyRing.load("keys.json") == ring


def test_hmac_can_be_chosen(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    done(capsys, f"generate --keys {tmp_path}/keys.json --algorithm hmac-sha256")
    assert [key.algorithm for key in KeyRing.load(tmp_path / "keys.json").keys] == ["hmac-sha256"]
    assert "have no public part" in failed(capsys, f"public --keys {tmp_path}/keys.json")


def test_a_rotation_in_its_three_steps(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    old = KeyRing.load(path).signing[0].id
    said = done(capsys, "rotate --keys keys.json")
    new = KeyRing.load(path).keys[-1].id
    assert said == (f"keys.json: key {new} (ed25519) signs; hand its part out: cutpoint keys public --keys keys.json\n")
    assert [key.id for key in KeyRing.load(path).signing] == [old, new]
    assert f"key {old} makes nothing new" in done(capsys, f"rotate --keys keys.json --retire {old}")
    assert [key.id for key in KeyRing.load(path).signing] == [new]
    assert f"key {old} is gone" in done(capsys, f"rotate --keys keys.json --remove {old}")
    assert old not in {key.id for key in KeyRing.load(path).keys}
    assert "is the only one that signs" in failed(capsys, f"rotate --keys keys.json --retire {new}")


def test_a_key_that_seals_is_replaced_at_once(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    done(capsys, "rotate --keys keys.json --use seal")
    assert [key.state for key in KeyRing.load(path).keys if key.use == "seal"] == ["retired", "active"]


def test_a_key_that_has_sealed_is_not_removed_unasked(
    capsys: pytest.CaptureFixture[str], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    KeyRing.change(path, lambda ring: ring.rotated(use="seal"))
    before = KeyRing.load(path)
    old = next(key.id for key in before.keys if key.state == "retired")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    ended = run(capsys, f"rotate --keys keys.json --remove {old}")
    assert ended.status == command.INTERRUPTED
    assert "can then be read by nobody" in ended.err
    assert KeyRing.load(path) == before
    done(capsys, f"rotate --keys keys.json --remove {old} --yes")
    assert old not in {key.id for key in KeyRing.load(path).keys}


def test_to_retire_and_to_remove_are_two_steps(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    assert "two steps" in failed(capsys, "rotate --keys keys.json --retire a --remove b", command.MISUSED)
    assert "there is no key 'a'" in failed(capsys, "rotate --keys keys.json --retire a")


def test_the_public_part_is_printed_and_can_be_loaded(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    Path("public.json").write_text(done(capsys, "public --keys keys.json"), encoding="utf-8")
    Path("public.json").chmod(0o644)
    assert KeyRing.load("public.json") == KeyRing.load(path).public()


def test_the_public_part_in_a_file_is_renewed_and_keys_that_sign_are_not_overwritten(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    assert done(capsys, "public --keys keys.json --output public.json") == "public.json: 1 key to verify with\n"
    done(capsys, "rotate --keys keys.json")
    done(capsys, "public --keys keys.json --output public.json")
    assert KeyRing.load("public.json") == KeyRing.load(path).public()
    assert "nothing was overwritten" in failed(capsys, "public --keys keys.json --output keys.json")
    Path("letter").write_text("Dear", encoding="utf-8")
    assert "letter is not a key file" in failed(capsys, "public --keys keys.json --output letter")
    assert Path("letter").read_text(encoding="utf-8") == "Dear"


def test_the_part_with_the_keys_that_seal_is_a_secret(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    assert "add --output FILE" in failed(capsys, "public --keys keys.json --seal")
    done(capsys, "public --keys keys.json --output agents.json")
    assert "keep this file secret" in done(capsys, "public --keys keys.json --seal --output agents.json")
    assert stat.S_IMODE(Path("agents.json").stat().st_mode) == 0o600
    assert KeyRing.load("agents.json") == KeyRing.load(path).public(sealing=True)


def test_keys_are_listed_for_people_and_for_programs(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    ring = KeyRing.load(path)
    said = done(capsys, "list --keys keys.json")
    assert all(f"{key.id}   {key.use}   {key.algorithm}" in said for key in ring.keys)
    listed = json.loads(done(capsys, "list --keys keys.json --json"))
    assert [(key["id"], key["state"]) for key in listed["keys"]] == [(key.id, "active") for key in ring.keys]


def test_the_key_file_may_be_named_by_the_environment(
    capsys: pytest.CaptureFixture[str], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUTPOINT_KEYS", str(path))
    for line in ("list", "public", "rotate"):
        done(capsys, line)


def test_what_is_wrong_is_one_line(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    assert "Missing option '--keys'" in failed(capsys, "list", command.MISUSED)
    assert "Missing option '--keys'" in failed(capsys, "generate", command.MISUSED)
    assert "cutpoint keys generate" in failed(capsys, "list --keys nothing.json")
    path.chmod(0o644)
    for line in ("list", "public", "rotate"):
        assert "chmod 600 keys.json" in failed(capsys, f"{line} --keys keys.json")
    path.chmod(0o600)
    path.write_text("{}", encoding="utf-8")
    assert "keys.json is not a key file" in failed(capsys, "list --keys keys.json")
