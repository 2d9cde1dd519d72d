from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cutpoint.testing.mortal import mortal

STARTER = """
import os, subprocess, sys, time
from cutpoint.testing.mortal import mortal
os.register_at_fork(after_in_child=lambda: time.sleep(1000))  # as a lock that a thread held when it was forked
child = subprocess.Popen(mortal([sys.executable, "-c", "import sys; sys.stdin.read()"]), stdin=subprocess.PIPE)
print(child.pid, flush=True)
time.sleep(1000)
"""


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_mortal_process_starts_where_python_may_not_run_after_a_fork_and_dies_with_its_starter() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        try:
            child = int(starter.stdout.readline())
            assert runs(child)
        finally:
            starter.kill()
    give_up_at = time.monotonic() + 30
    while runs(child):
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_it_is_the_command_in_the_same_process_and_ends_as_the_command_does() -> None:
    program = "import os, sys; print(os.getpid(), sys.argv[1:]); sys.exit(7)"
    child = subprocess.Popen(mortal([sys.executable, "-c", program, "a b", ""]), stdout=subprocess.PIPE, text=True)
    printed, _ = child.communicate()
    assert printed == f"{child.pid} ['a b', '']\n"
    assert child.returncode == 7


def test_one_whose_starter_died_in_between_does_not_begin() -> None:
    command = mortal([sys.executable, "-c", "print('begun')"])
    stranger = command.index(str(os.getpid()))
    command[stranger] = str(os.getpid() + 1)
    ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")


def test_a_program_that_is_missing_ends_it_with_a_line_that_says_so() -> None:
    ended = subprocess.run(mortal(["/nowhere/etcd"]), capture_output=True, text=True)
    assert ended.returncode != 0
    assert "No such file" in ended.stderr
    assert ended.returncode != -signal.SIGKILL
