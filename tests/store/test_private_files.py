"""Key files: what is demanded of them, and what a crash leaves behind."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import ConfigurationError
from cutpoint.store import private_files
from cutpoint.store.key import Key
from cutpoint.store.keys import KeyRing
from cutpoint.store.private_files import FILE_BYTES_MAX, Found

RING = KeyRing.generate(sealing=True, created="2026-01-01T00:00:00Z")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    RING.save(tmp_path / "keys.json")
    return tmp_path / "keys.json"


def refused(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        KeyRing.load(path)
    complaint = str(caught.value)
    assert complaint.isprintable()
    assert complaint.startswith(private_files.shown(path))
    assert "nothing was" in complaint
    return complaint


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    path.chmod(0o600)
    return path


def test_a_ring_comes_back_as_it_was_saved(path: Path) -> None:
    assert KeyRing.load(path) == RING
    assert KeyRing.load(str(path)) == RING


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_secrets_are_for_the_owner_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        RING.save(tmp_path / "keys.json")
        RING.public().save(tmp_path / "public.json")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "keys.json") == 0o600
    assert mode_of(tmp_path / "public.json") == 0o644


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666, 0o660])
def test_a_file_of_secrets_that_others_may_touch_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert f"others than its owner may read or change it (mode {mode:04o})" in refused(path)
    assert refused(path).endswith(f"chmod 600 {path}")
    with pytest.raises(ConfigurationError, match="holds secrets"):
        KeyRing.change(path, KeyRing.rotated)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_what_only_the_owner_may_touch_is_read(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert KeyRing.load(path) == RING


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_whom_to_trust_is_not_for_others_to_change(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "public.json"
    RING.public().save(path)
    assert KeyRing.load(path) == RING.public()
    path.chmod(mode)
    assert "says whom to trust, and others than its owner may change it" in refused(path)


def test_nothing_is_overwritten(path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"keys\.json is there already; nothing was overwritten"):
        KeyRing.generate().save(path)
    assert KeyRing.load(path) == RING
    assert os.listdir(path.parent) == ["keys.json"]


def test_a_link_is_followed_and_its_target_is_changed(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)
    assert KeyRing.load(link) == RING
    changed = KeyRing.change(link, KeyRing.rotated)
    assert link.is_symlink()
    assert KeyRing.load(path) == changed


def test_what_is_not_there_is_told_with_how_to_make_it(tmp_path: Path) -> None:
    for missing in (tmp_path / "keys.json", tmp_path / "no" / "folder"):
        assert "there is no such file or folder" in refused(missing)
        assert "cutpoint keys generate" in refused(missing)
    with pytest.raises(ConfigurationError, match="there is no such file or folder"):
        RING.save(tmp_path / "no" / "folder")


def test_a_folder_a_pipe_and_a_name_that_cannot_be_are_no_key_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is no ordinary file" in refused(tmp_path / "pipe")
    assert "Is a directory" in refused(tmp_path)
    assert "null byte" in refused(Path("a\0b"))
    assert "was not read" in refused(Path("/dev/null/x\n"))


def test_a_long_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path / "long", b"")
    with path.open("r+b") as file:
        file.truncate(FILE_BYTES_MAX * 1000)
    assert f"longer than {FILE_BYTES_MAX} bytes" in refused(path)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_garbage_is_no_key_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = write(tmp_path_factory.getbasetemp() / "garbage.json", data)
    assert "is not a key file" in refused(path)


def test_bottomless_nesting_is_no_key_file(tmp_path: Path) -> None:
    assert "is not a key file" in refused(write(tmp_path / "deep", '{"kind":"cutpoint-keys","keys":' + "[" * 900_000))


@given(st.data())
def test_a_file_with_any_byte_changed_is_refused_or_says_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    changed = bytearray(RING.encode())
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    path = write(tmp_path_factory.getbasetemp() / "changed.json", bytes(changed))
    try:
        found = KeyRing.load(path)
    except ConfigurationError:
        refused(path)
    else:
        assert [same(key) for key in found.keys] == [same(key) for key in RING.keys]


def same(key: Key) -> tuple[str, bytes, bytes]:
    """What of a key must not change unnoticed; when it was made may."""
    return key.id, key.secret, key.public


@given(st.integers(0, len(RING.encode()) - 2))
def test_a_file_cut_short_is_no_key_file(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    refused(write(tmp_path_factory.getbasetemp() / "short.json", RING.encode()[:length]))


@pytest.mark.parametrize("missing", ["kind", "format", "keys"])
def test_a_file_without_a_field_is_no_key_file(tmp_path: Path, missing: str) -> None:
    plain = json.loads(RING.encode())
    del plain[missing]
    assert missing in refused(write(tmp_path / "keys.json", json.dumps(plain)))


@pytest.mark.parametrize("missing", ["id", "algorithm", "use", "state", "public", "secret"])
def test_a_key_without_a_field_is_refused(tmp_path: Path, missing: str) -> None:
    plain = json.loads(RING.encode())
    del plain["keys"][0][missing]
    refused(write(tmp_path / "keys.json", json.dumps(plain)))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kind": "shopping-list"}, "shopping-list"),
        ({"format": 2}, "Invalid enum value 2"),
        ({"keys": []}, "there are 0"),
        ({"more": 1}, "unknown field `more`"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    assert complaint in refused(write(tmp_path / "keys.json", json.dumps(json.loads(RING.encode()) | change)))


def test_secrets_are_in_no_error(tmp_path: Path) -> None:
    plain = json.loads(RING.encode())
    secret = plain["keys"][0]["secret"]
    for field, value in (("public", "AAAA"), ("id", "0" * 16), ("use", "seal"), ("use", "x"), ("secret", [secret])):
        changed = msgspec.to_builtins(plain)
        changed["keys"] = [plain["keys"][0] | {field: value}]
        assert secret not in refused(write(tmp_path / "keys.json", json.dumps(changed)))


def test_a_change_is_whole_or_not_at_all(path: Path) -> None:
    def fail(ring: KeyRing) -> KeyRing:
        raise ConfigurationError("no")

    with pytest.raises(ConfigurationError, match=r"^no$"):
        KeyRing.change(path, fail)
    assert KeyRing.load(path) == RING
    changed = KeyRing.change(path, KeyRing.rotated)
    assert KeyRing.load(path) == changed != RING
    assert os.listdir(path.parent) == ["keys.json"]
    assert mode_of(path) == 0o600


def test_a_public_file_that_gets_a_secret_is_no_longer_public(tmp_path: Path) -> None:
    path = tmp_path / "public.json"
    RING.public().save(path)
    KeyRing.change(path, lambda _: RING.public(sealing=True))
    assert mode_of(path) == 0o600
    KeyRing.load(path)


CALLS = ("unlink", "open", "fchmod", "fsync", "link", "rename")


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, no clean-up either."""


def killed_at(monkeypatch: pytest.MonkeyPatch, number: int) -> list[str]:
    """From call ``number`` on, the operating system does nothing for us any more; the calls that were made."""
    made: list[str] = []

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def done(*arguments: Any, **named: Any) -> Any:
            if len(made) >= number:
                raise Killed
            made.append(name)
            return call(*arguments, **named)

        return done

    for name in CALLS:
        monkeypatch.setattr(os, name, watched(name, getattr(os, name)))
    return made


@pytest.mark.parametrize("step", ["save", "change"])
def test_a_crash_anywhere_leaves_the_old_file_or_the_new(
    tmp_path: Path, step: str, record_count: Callable[[str, object], None]
) -> None:
    wanted = KeyRing(keys=RING.keys[:1])
    for number in range(100):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / "keys.json"
        if step == "change":
            RING.save(path)
        with pytest.MonkeyPatch.context() as monkeypatch:
            made = killed_at(monkeypatch, number)
            try:
                if step == "save":
                    wanted.save(path)
                else:
                    KeyRing.change(path, lambda _: wanted)
                ended = True
            except Killed:
                ended = False
        check_after_crash(path, step, wanted)
        if ended:
            record_count(f"crashes of a key file's {step}", number)
            assert made[-1] in ("fsync", "unlink")
            return
    raise AssertionError("it never ends")


def check_after_crash(path: Path, step: str, wanted: KeyRing) -> None:
    """The file is the old one or the new one, what is left beside it is private, and the next change goes through."""
    for name in os.listdir(path.parent):
        assert mode_of(path.parent / name) == 0o600
    if not path.exists():
        assert step == "save"
        wanted.save(path)
    else:
        assert KeyRing.load(path) in (wanted, RING)
        KeyRing.change(path, lambda _: wanted)
    assert KeyRing.load(path) == wanted
    assert os.listdir(path.parent) == ["keys.json"]


def test_what_is_written_is_flushed_before_it_has_its_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = killed_at(monkeypatch, 100)
    KeyRing.change(path, KeyRing.rotated)
    in_order = [name for name in made if name in ("fsync", "rename")]
    assert in_order == ["fsync", "rename", "fsync"]


def test_rotations_at_the_same_time_all_count(path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(rotate_three_times, [path, path])
    assert len(KeyRing.load(path).keys) == len(RING.keys) + 6


def rotate_three_times(path: Path) -> None:
    for _ in range(3):
        KeyRing.change(path, KeyRing.rotated)


def test_without_the_check_of_the_mode_everybody_reads_the_secrets(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.chmod(0o644)
    refused(path)
    read = private_files.read_private
    monkeypatch.setattr("cutpoint.store.keys.read_private", lambda path: Found(read(path).data, 0o600))
    assert KeyRing.load(path) == RING
