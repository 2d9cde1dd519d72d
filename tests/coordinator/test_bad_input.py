"""Bad input on the real command line: one line that says what to do, a status that is not 0, and no stray files."""

from __future__ import annotations

import contextlib
import http.server
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutpoint.testing.etcd_server import free_ports
from tests.docs.documented import environment


def cutpoint(folder: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run ``cutpoint`` in ``folder`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cutpoint", *arguments],
        cwd=folder,
        env=environment() | extra,
        capture_output=True,
        text=True,
        timeout=60,
    )


def complaint(ended: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """The one line that it ended with."""
    assert ended.returncode == status, ended.stderr
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("cutpoint: error: ")
    return lines[0].removeprefix("cutpoint: error: ")


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("line", "status", "told"),
    [
        ("coordinator --nonsense", 2, "No such option '--nonsense'. See: cutpoint coordinator --help"),
        ("coordinator now", 2, "Got unexpected extra argument (now). See: cutpoint coordinator --help"),
        ("coordinator --interval soon", 2, "Invalid value for '--interval': 'soon' is not a valid seconds"),
        ("coordinator --interval 0", 2, "Invalid value for '--interval': 0.0 is not in the range 0<x<=1000000"),
        ("coordinator --deadline nan", 2, "Invalid value for '--deadline': 'nan' is not a number of seconds"),
        (
            "coordinator --listen nowhere",
            1,
            "'nowhere' is not an address; nothing was started; write HOST:PORT",
        ),
        ("coordinator --listen 127.0.0.1:99999", 1, "'127.0.0.1:99999' is not an address"),
        (
            "coordinator --advertise example.org",
            1,
            "'example.org' is not an address; nothing was started; write HOST:PORT",
        ),
        ("coordinator --listen 192.0.2.1:7420", 1, "cannot listen on 192.0.2.1:7420 (Cannot assign requested address)"),
        ("coordinator --listen 127.0.0.1:0 --computation ../up", 1, "'../up' cannot name a computation"),
        ("coordinator --listen 127.0.0.1:0 --registry zookeeper://x", 1, "'zookeeper://x' is not a registry"),
        ("coordinator --listen 127.0.0.1:0 --registry etcd://host:0", 1, "is not a host and port"),
        ("coordinator --listen 127.0.0.1:0 --registry file/deeper", 1, "file"),
        (
            "coordinator --listen 127.0.0.1:0 --store s3://bucket",
            1,
            "the store s3://bucket cannot be used: no credentials were found",
        ),
        ("coordinator --listen 127.0.0.1:0 --store file/deeper", 1, "there is a file where a folder should be"),
        ("coordinator --listen 127.0.0.1:0 --store /proc/self/store", 1, "the store cannot be used"),
        ("show", 2, "Missing argument 'N'. See: cutpoint show --help"),
        ("show zero", 2, "Invalid value for 'N': 'zero' is not a valid integer range"),
        ("show 0", 2, "Invalid value for 'N': 0 is not in the range"),
        ("verify -- -1", 2, "Invalid value for '[N]': -1 is not in the range"),
        ("recover 1 2", 2, "Got unexpected extra argument (2)"),
        (
            "points --coordinator ftp://x",
            1,
            "'ftp://x' is not a coordinator's address; nothing was done; write http://HOST:PORT",
        ),
        ("points --coordinator http://127.0.0.1:1", 1, "nobody answers at http://127.0.0.1:1 (Connection refused)"),
        ("points --store nothing-here", 1, "there is no store at file://"),
        ("points --store file", 1, "there is no store at file://"),
        ("verify 3 --store .", 1, "there is no recovery point 3 in file://"),
    ],
)
def test_it_is_told_in_one_line_and_nothing_is_left_behind(line: str, status: int, told: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert told in complaint(cutpoint(tmp_path, *line.split()), status)
    assert files(tmp_path) == ["file"]


def test_a_store_in_a_folder_that_vanishes_into_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "store").write_text("")
    ended = cutpoint(tmp_path, "coordinator", "--listen", "127.0.0.1:0", "--store", "data/store")
    assert "move it away, or take another folder" in complaint(ended)
    assert files(tmp_path) == ["data", "data/store"]


def test_a_port_in_use(tmp_path: Path, taken: int) -> None:
    told = complaint(cutpoint(tmp_path, "coordinator", "--listen", f"127.0.0.1:{taken}"))
    assert told == (
        f"cannot listen on 127.0.0.1:{taken} (Address already in use); nothing was started; "
        "stop what listens there, or choose another address with --listen HOST:PORT (port 0: any free one)"
    )
    assert files(tmp_path) == []


def test_an_etcd_that_nobody_runs(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    told = complaint(
        cutpoint(tmp_path, "coordinator", "--listen", "127.0.0.1:0", "--registry", f"etcd://127.0.0.1:{port}")
    )
    assert f"127.0.0.1:{port}" in told
    assert files(tmp_path) == []


@pytest.mark.parametrize("command", ["cut", "points", "show 1", "verify", "recover", "topology"])
def test_every_command_says_that_nobody_answers(command: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    told = complaint(cutpoint(tmp_path, *command.split(), CUTPOINT_COORDINATOR=url))
    assert told == (
        f"nobody answers at {url} (Connection refused); nothing was done; "
        "start one with `cutpoint coordinator`, or say where it is with --coordinator URL"
    )


class _Stranger(http.server.BaseHTTPRequestHandler):
    """A web server that is no coordinator."""

    answers = (200, b"<html>welcome</html>")

    def do_GET(self) -> None:
        status, body = self.answers
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def stranger(status: int, body: bytes) -> Iterator[str]:
    handler = type("Stranger", (_Stranger,), {"answers": (status, body), "do_POST": _Stranger.do_GET})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>welcome</html>"),
        (404, b"<html>no</html>"),
        (500, b""),
        (200, b"{}"),
        (200, b"\xff\xfe"),
        (302, b""),
    ],
)
def test_a_web_server_that_is_no_coordinator(status: int, body: bytes, tmp_path: Path) -> None:
    with stranger(status, body) as url:
        told = complaint(cutpoint(tmp_path, "points", "--coordinator", url))
    assert re.match(rf"what answers at {url} is no coordinator", told)
    assert "--coordinator URL" in told


def test_somebody_who_listens_and_is_no_web_server(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        told = complaint(cutpoint(tmp_path, "cut", "--coordinator", url))
        thread.join()
    assert re.match(rf"what answers at {url} is no coordinator", told)
