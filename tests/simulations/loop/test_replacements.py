"""Nothing real leaks into a simulated host: each function that reaches something real is simulated or refused."""

from __future__ import annotations

import asyncio
import concurrent.futures
import ctypes
import datetime
import email.utils
import gc
import importlib
import multiprocessing
import os
import platform
import queue
import random
import secrets
import selectors
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import syslog
import threading
import time
import uuid
from collections.abc import Callable
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import pytest

from cutpoint_simulations.loop import Simulation
from cutpoint_simulations.loop.replacements import chance, clocks, console, loops, network, processes, threads
from cutpoint_simulations.refusal import NotSimulated
from tests.simulations.loop.running import on_host, started

HERE = Path(__file__).name


def in_host(call: Callable[[], Any], seed: int = 1, name: str = "host") -> Any:
    async def program() -> Any:
        return call()

    with Simulation(seed) as simulation:
        return simulation.complete(program(), on=started(simulation, name))


# ------------------------------------------------------------------------------------------------------- simulated

CLOCKS: dict[str, Callable[[], Any]] = {
    "time.monotonic": lambda: time.monotonic(),
    "time.monotonic_ns": lambda: time.monotonic_ns() / 1e9,
    "time.perf_counter": lambda: time.perf_counter(),
    "time.perf_counter_ns": lambda: time.perf_counter_ns() / 1e9,
    "time.process_time": lambda: time.process_time(),
    "time.process_time_ns": lambda: time.process_time_ns() / 1e9,
    "time.thread_time": lambda: time.thread_time(),
    "time.thread_time_ns": lambda: time.thread_time_ns() / 1e9,
    "time.clock_gettime": lambda: time.clock_gettime(time.CLOCK_MONOTONIC),
    "time.clock_gettime_ns": lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e9,
    "os.times": lambda: os.times().elapsed,
}


@pytest.mark.parametrize("name", CLOCKS)
def test_a_steady_clock_shows_the_hosts_uptime(name: str) -> None:
    assert in_host(CLOCKS[name]) == pytest.approx(1000.0, abs=0.001)
    assert CLOCKS[name]() != pytest.approx(1000.0, abs=0.001)


WALL: dict[str, tuple[Callable[[], Any], str]] = {
    "time.time": (lambda: int(time.time()), "1700000000"),
    "time.time_ns": (lambda: time.time_ns() // 10**9, "1700000000"),
    "time.clock_gettime": (lambda: int(time.clock_gettime(time.CLOCK_REALTIME)), "1700000000"),
    "time.clock_gettime_ns": (lambda: time.clock_gettime_ns(time.CLOCK_REALTIME) // 10**9, "1700000000"),
    "time.ctime": (lambda: time.ctime(), "Tue Nov 14 22:13:20 2023"),
    "time.asctime": (lambda: time.asctime(), "Tue Nov 14 22:13:20 2023"),
    "time.gmtime": (lambda: tuple(time.gmtime())[:6], "(2023, 11, 14, 22, 13, 20)"),
    "time.localtime": (lambda: tuple(time.localtime())[:6], "(2023, 11, 14, 22, 13, 20)"),
    "time.strftime": (lambda: time.strftime("%H:%M %Z"), "22:13 UTC"),
    "datetime.now": (lambda: datetime.datetime.now().replace(microsecond=0), "2023-11-14 22:13:20"),  # noqa: DTZ005
    "datetime.now(UTC)": (lambda: datetime.datetime.now(datetime.UTC).date(), "2023-11-14"),
    "datetime.fromtimestamp": (lambda: datetime.datetime.fromtimestamp(time.time()).hour, "22"),  # noqa: DTZ006
    "datetime.today": (lambda: datetime.datetime.today().minute, "13"),  # noqa: DTZ002
    "date.today": (datetime.date.today, "2023-11-14"),
    "email": (lambda: email.utils.localtime().year, "2023"),
}


@pytest.mark.parametrize("name", WALL)
def test_a_wall_clock_shows_the_simulations_epoch(name: str) -> None:
    call, shown = WALL[name]
    assert str(in_host(call)) == shown
    assert str(call()) != shown


CHANCE: dict[str, Callable[[], Any]] = {
    "os.urandom": lambda: os.urandom(8),
    "os.getrandom": lambda: os.getrandom(8),
    "ssl.RAND_bytes": lambda: ssl.RAND_bytes(8),
    "secrets.token_hex": lambda: secrets.token_hex(),
    "secrets.randbelow": lambda: secrets.randbelow(10**9),
    "uuid.uuid1": lambda: uuid.uuid1(),
    "uuid.uuid4": lambda: uuid.uuid4(),
    "random.Random": lambda: random.Random().random(),
    "random.Random.seed": lambda: _seeded_again(),
    "random.SystemRandom": lambda: random.SystemRandom().random(),
    "random.betavariate": lambda: random.betavariate(1, 2),
    "random.choice": lambda: random.choice(range(10**9)),
    "random.choices": lambda: random.choices(range(10**9)),
    "random.expovariate": lambda: random.expovariate(1),
    "random.gammavariate": lambda: random.gammavariate(1, 2),
    "random.gauss": lambda: random.gauss(0, 1),
    "random.getrandbits": lambda: random.getrandbits(64),
    "random.getstate": lambda: random.getstate(),
    "random.lognormvariate": lambda: random.lognormvariate(0, 1),
    "random.normalvariate": lambda: random.normalvariate(0, 1),
    "random.paretovariate": lambda: random.paretovariate(1),
    "random.randbytes": lambda: random.randbytes(8),
    "random.randint": lambda: random.randint(0, 10**9),
    "random.random": lambda: random.random(),
    "random.randrange": lambda: random.randrange(10**9),
    "random.sample": lambda: random.sample(range(10**9), 3),
    "random.seed": lambda: (random.seed(), random.random()),
    "random.setstate": lambda: (random.setstate(random.getstate()), random.random()),
    "random.shuffle": lambda: _shuffled(),
    "random.triangular": lambda: random.triangular(0, 1),
    "random.uniform": lambda: random.uniform(0, 1),
    "random.vonmisesvariate": lambda: random.vonmisesvariate(0, 1),
    "random.weibullvariate": lambda: random.weibullvariate(1, 1),
}


def _seeded_again() -> float:
    generator = random.Random(1)
    generator.seed()
    return generator.random()


def _shuffled() -> list[int]:
    numbers = list(range(100))
    random.shuffle(numbers)
    return numbers


@pytest.mark.parametrize("name", CHANCE)
def test_chance_is_the_seeds(name: str) -> None:
    call = CHANCE[name]
    drawn = in_host(call)
    assert drawn == in_host(call)
    assert drawn != in_host(call, seed=2)
    assert drawn != in_host(call, name="another")
    assert drawn != call() != call() or name in ("random.getstate",)


def test_a_generator_with_a_seed_of_its_own_keeps_to_it() -> None:
    assert in_host(lambda: random.Random(5).random()) == random.Random(5).random()
    assert in_host(lambda: (random.seed(5), random.random())) == (None, random.Random(5).random())


def test_identifiers_by_time_do_not_repeat_and_remember_nothing_of_other_hosts() -> None:
    def three() -> list[str]:
        return [str(uuid.uuid1()) for _ in range(3)]

    async def program() -> list[str]:
        return three()

    with Simulation(1) as simulation:
        late, early = started(simulation, "late"), started(simulation, "early")
        late.clock.skew_seconds = 10_000
        drawn = [simulation.complete(program(), on=host) for host in (late, early, late)]
    assert len({identifier for each in drawn for identifier in each}) == 9
    assert uuid.UUID(drawn[1][0]).time < uuid.UUID(drawn[0][0]).time
    assert uuid.UUID(drawn[1][0]).node == 2


PROCESS: dict[str, tuple[Callable[[], Any], object]] = {
    "os.getpid": (lambda: os.getpid(), 101),
    "os.getppid": (lambda: os.getppid(), 1),
    "os.getpgid": (lambda: (os.getpgid(0), os.getpgid(os.getpid())), (101, 101)),
    "os.getpgrp": (lambda: os.getpgrp(), 101),
    "os.getsid": (lambda: os.getsid(0), 101),
    "os.cpu_count": (lambda: os.cpu_count(), 4),
    "os.process_cpu_count": (lambda: getattr(os, "process_cpu_count", lambda: 4)(), 4),
    "os.sched_getaffinity": (lambda: os.sched_getaffinity(0), {0, 1, 2, 3}),
    "os.uname": (lambda: os.uname().nodename, "host"),
    "platform.uname": (lambda: platform.uname().node, "host"),
    "platform.node": (lambda: platform.node(), "host"),
    "socket.gethostname": (lambda: socket.gethostname(), "host"),
    "socket.getfqdn": (lambda: socket.getfqdn(), "host"),
    "socket.gethostbyname": (lambda: socket.gethostbyname("host"), "10.0.0.2"),
    "socket.getaddrinfo": (lambda: socket.getaddrinfo("host", 80, socket.AF_INET)[0][4], ("10.0.0.2", 80)),
    "socket.socket": (lambda: type(socket.socket()).__name__, "SimulatedSocket"),
    "uuid.getnode": (lambda: uuid.getnode(), 1),
    "threading.get_native_id": (lambda: threading.get_native_id(), 101),
    "threading.Lock": (lambda: _locked(threading.Lock()), [True, False, True, False]),
    "_thread.allocate_lock": (lambda: _locked(__import__("_thread").allocate_lock()), [True, False, True, False]),
    "threading.RLock": (lambda: _locked_twice(threading.RLock()), [2, True, True, True]),
    "queue.SimpleQueue": (lambda: _queued(queue.SimpleQueue()), ["in", "out"]),
    "concurrent.futures.thread.ThreadPoolExecutor.submit": (lambda: _submitted(), (3, "KeyError(1)", "shut")),
    "asyncio.events.get_event_loop": (lambda: type(asyncio.get_event_loop()).__name__, "HostLoop"),
    "asyncio.tasks.all_tasks": (lambda: [task.get_name() for task in asyncio.all_tasks()], ["Task-1"]),
    "gc.enable": (lambda: _collecting(), False),
}


def _locked(lock: Any) -> list[bool]:
    with lock:
        held = [lock.locked(), lock.acquire(False)]
    return [*held, lock.acquire(False, -1), lock.release() is not None]


def _locked_twice(lock: Any) -> list[bool]:
    with lock, lock:
        held = [lock._recursion_count(), lock.acquire(), lock.acquire(False)]
        lock.release()
        lock.release()
    with pytest.raises(RuntimeError, match="cannot release"):
        lock.release()
    return [*held, lock.acquire(timeout=1)]


def _queued(made: Any) -> list[str]:
    made.put("in")
    try:
        return [made.get(), made.get_nowait()]
    except queue.Empty:
        return ["in", "out"]


def _fails() -> None:
    raise KeyError(1)


def _collecting() -> bool:
    gc.enable()
    return gc.isenabled()


def _submitted() -> tuple[object, ...]:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = pool.submit(len, "abc").result(), repr(pool.submit(_fails).exception())
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(len, "")
    return *found, "shut"


@pytest.mark.parametrize("name", PROCESS)
def test_a_process_and_its_machine_are_simulated(name: str) -> None:
    call, expected = PROCESS[name]
    assert in_host(call) == expected


ELSEWHERE = (
    "sys.stdin",
    "atexit.register",
    "atexit.unregister",
    "os._exit",
    "os.abort",
    "os.kill",
    "signal.raise_signal",
    "time.sleep",
    "threading.Condition.wait",
    "cutpoint_agents.loop_watch.LoopWatch.start",
)
"""These are tested with the lives of hosts, and with threads."""

# --------------------------------------------------------------------------------------------------------- refused

REFUSED = (
    "builtins.input",
    *("time.clock_settime", "os.getloadavg", "resource.getrusage", "resource.setrlimit", "resource.prlimit"),
    *("os.nice", "os.putenv", "os.setgid", "os.setpgid", "os.setpriority", "os.setsid", "os.setuid", "os.umask"),
    *(
        "os.unsetenv",
        "os.killpg",
        "os.fork",
        "os.forkpty",
        "os.system",
        "os.popen",
        "os.posix_spawn",
        "os.posix_spawnp",
        "os.execv",
    ),
    *("os.execve", "os.wait", "os.wait3", "os.wait4", "os.waitid", "os.waitpid", "os.eventfd", "os.memfd_create"),
    *("os.openpty", "os.pidfd_open", "os.pipe", "os.pipe2", "subprocess.Popen.__init__"),
    *("multiprocessing.shared_memory.SharedMemory.__init__", "multiprocessing.synchronize.SemLock.__init__"),
    *("_thread.interrupt_main", "faulthandler.dump_traceback_later", "faulthandler.register"),
    *("multiprocessing.process.BaseProcess.start", "concurrent.futures.process.ProcessPoolExecutor.submit"),
    *("signal.alarm", "signal.pause", "signal.pthread_kill", "signal.pthread_sigmask", "signal.setitimer"),
    *("signal.set_wakeup_fd", "signal.siginterrupt", "signal.signal", "signal.sigpending", "signal.sigtimedwait"),
    *("signal.sigwait", "signal.sigwaitinfo", "threading.Thread.start"),
    *("_thread.start_new_thread", "_thread.start_new", "_thread.start_joinable_thread"),
    *("socket.close", "socket.create_connection", "socket.dup", "socket.fromfd", "socket.recv_fds"),
    *("socket.send_fds", "socket.socketpair", "socket.gethostbyaddr", "socket.gethostbyname_ex", "socket.getnameinfo"),
    *("socket.if_indextoname", "socket.if_nameindex", "socket.if_nametoindex", "socket.sethostname"),
    *("socket.setdefaulttimeout", "select.select", "select.poll", "select.epoll", "select.devpoll", "select.kqueue"),
    *("ssl.SSLContext.wrap_bio", "ssl.SSLContext.wrap_socket", "selectors._BaseSelectorImpl.__init__"),
    *("asyncio.events.new_event_loop", "asyncio.events.set_event_loop", "asyncio.events.set_event_loop_policy"),
)


def full_name(place: Any, name: str) -> str:
    return f"{place.__module__}.{place.__qualname__}.{name}" if isinstance(place, type) else f"{place.__name__}.{name}"


REPLACED = {
    full_name(place, name): (place, name)
    for part in (clocks, chance, processes, threads, network, loops, console)
    for place, name, _ in part.replacements()
}


def test_every_replaced_function_is_in_one_of_the_tables_above() -> None:
    known = {*CLOCKS, *CHANCE, *PROCESS, *ELSEWHERE, *REFUSED, *WALL}
    newer = {"random.binomialvariate", "uuid.uuid6", "uuid.uuid7"}
    assert sorted(set(REPLACED) - known - newer) == []


@pytest.mark.parametrize("name", sorted(set(REFUSED) & set(REPLACED)))
def test_it_is_refused_with_the_line_that_asked_and_the_run_ends_even_if_the_program_goes_on(name: str) -> None:
    place, attribute = REPLACED[name]
    told = list[NotSimulated]()

    async def program() -> None:
        try:
            getattr(place, attribute)()
        except NotSimulated as error:
            told.append(error)

    with Simulation(1) as simulation:
        host = started(simulation, "host")
        with pytest.raises(
            NotSimulated, match=rf"{HERE}:\d+ in test_it_is_refused.*program: a simulated host has"
        ) as caught:
            simulation.complete(program(), on=host)
        assert [caught.value] == told
        with pytest.raises(NotSimulated):
            simulation.run()


async def asked(call: Callable[[], Any]) -> None:
    result = call()
    if asyncio.iscoroutine(result):
        await result


REAL = socket.create_server(("127.0.0.1", 0))
REAL.setblocking(False)
POOL = concurrent.futures.ProcessPoolExecutor()

ASKED: dict[str, tuple[Callable[[], Any], str]] = {
    "asyncio.run": (lambda: asyncio.to_thread(lambda: asyncio.run(asyncio.sleep(0))), "asyncio.new_event_loop()"),
    "Runner": (lambda: asyncio.Runner().get_loop(), "asyncio.new_event_loop()"),
    "run_forever": (lambda: asyncio.get_running_loop().run_forever(), "run by itself"),
    "run_until_complete": (lambda: asyncio.get_running_loop().run_until_complete(asyncio.sleep(0)), "run by itself"),
    "a selector loop": (asyncio.SelectorEventLoop, "a selector"),
    "selectors": (selectors.DefaultSelector, "a selector"),
    "add_reader": (lambda: asyncio.get_running_loop().add_reader(0, print), "descriptor 0"),
    "add_writer": (lambda: asyncio.get_running_loop().add_writer(1, print), "descriptor 1"),
    "a real socket that connects": (lambda: _real_socket_connects(), "a real socket"),
    "a real socket that accepts": (lambda: _real_socket_accepts(), "descriptor"),
    "a real socket": (lambda: __import__("_socket").socket(), "a real socket"),
    "tls": (lambda: asyncio.open_connection("localhost", 1, ssl=True), "TLS"),
    "tls of a context": (lambda: ssl.create_default_context().wrap_socket(socket.socket()), "TLS"),
    "start_tls": (lambda: asyncio.get_running_loop().start_tls(None, None, None), "TLS"),  # type: ignore[arg-type]
    "udp": (lambda: asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol), "UDP"),
    "udp socket": (lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), "a socket of family"),
    "raw socket": (lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW), "a socket of family"),
    "ipv6": (lambda: socket.socket(socket.AF_INET6), "a socket of family"),
    "socket of a descriptor": (lambda: socket.socket(fileno=5), "a socket of family"),
    "unix server": (lambda: asyncio.start_unix_server(print, "/simulated/x"), "a Unix socket"),
    "unix client": (lambda: asyncio.open_unix_connection("/simulated/x"), "a Unix socket"),
    "unix socket": (lambda: socket.socket(socket.AF_UNIX), "a socket of family"),
    "subprocess": (lambda: asyncio.create_subprocess_exec("true"), "a child process"),
    "shell": (lambda: asyncio.create_subprocess_shell("true"), "a child process"),
    "subprocess.run": (lambda: subprocess.run(["true"]), "a child process"),
    "multiprocessing": (lambda: multiprocessing.get_context("fork").Process(target=print).start(), "a child process"),
    "process pool": (lambda: asyncio.get_running_loop().run_in_executor(POOL, print), "a child process"),
    "a new process pool": (concurrent.futures.ProcessPoolExecutor, "os.pipe()"),
    "tls server": (lambda: asyncio.start_server(print, "localhost", 1, ssl=ssl.create_default_context()), "TLS"),
    "spawnv": (lambda: os.spawnv(os.P_WAIT, "/bin/true", ["true"]), "os.fork()"),
    "read pipe": (lambda: asyncio.get_running_loop().connect_read_pipe(asyncio.Protocol, None), "a pipe"),
    "write pipe": (lambda: asyncio.get_running_loop().connect_write_pipe(asyncio.Protocol, None), "a pipe"),
    "thread": (lambda: threading.Thread(target=print).start(), "a thread"),
    "timer": (lambda: threading.Timer(1, print).start(), "a thread"),
    "queue": (lambda: queue.Queue[int]().get(), "a wait for another thread"),
    "simple queue": (lambda: queue.SimpleQueue[int]().get(), "a wait for another thread"),
    "event": (lambda: threading.Event().wait(1), "a wait for another thread"),
    "semaphore": (lambda: threading.Semaphore(0).acquire(), "a wait for another thread"),
    "lock": (lambda: (lock := threading.Lock()).acquire() and lock.acquire(), "a wait for another thread"),
    "future": (lambda: concurrent.futures.Future[int]().result(), "a wait for another thread"),
    "blocking connect": (lambda: socket.socket().connect(("localhost", 1)), "a socket that blocks in connect()"),
    "blocking accept": (lambda: socket.create_server(("", 1)).accept(), "a socket that blocks in accept()"),
    "recvfrom": (lambda: socket.socket().recvfrom(1), "socket.recvfrom()"),
    "makefile": (lambda: socket.socket().makefile(), "socket.makefile()"),
    "detach": (lambda: socket.socket().detach(), "socket.detach()"),
    "what somebody types": (lambda: sys.stdin.readline(), "standard input"),
    "the environment": (lambda: os.environ.update(SIMULATED="1"), "os.putenv()"),
    "waiting by the clock": (lambda: _waits_by_the_clock(time.monotonic), "reads the clock again and again"),
    "waiting by the wall clock": (lambda: _waits_by_the_clock(time.time), "reads the clock again and again"),
    "a socket of a class of its own": (lambda: type("Mine", (socket.socket,), {})(), "a real socket"),
    "a real random device": (lambda: open("/dev/urandom", "rb"), "/dev/urandom"),  # noqa: SIM115
    "proc": (lambda: Path("/proc/self/stat").read_text(), "/proc/self/stat"),
    "proc by a detour": (lambda: Path("/dev/../proc/uptime").read_text(), "/dev/../proc/uptime"),
    "all processes": (lambda: os.listdir("/proc"), "/proc"),
    "a device of the machine": (lambda: os.scandir(b"/sys/class"), "/sys/class"),
    "the machine's disks": (lambda: shutil.disk_usage("/"), "statvfs"),
    "C code": (lambda: ctypes.CDLL(None).time(None), "C code, time"),
    "the system's log": (lambda: syslog.syslog("x"), "the system's log"),
    "shared memory": (lambda: shared_memory.SharedMemory(create=True, size=1), "shared memory"),
    "a lock between processes": (lambda: multiprocessing.get_context("spawn").Lock(), "a lock between processes"),
    "another process": (lambda: os.kill(1, signal.SIGTERM), "os.kill() of another process"),
    "a file elsewhere": (lambda: Path("/tmp/elsewhere").write_text(""), "/tmp/elsewhere"),
    "sqlite": (lambda: importlib.import_module("sqlite3").connect("/tmp/elsewhere.db"), "/tmp/elsewhere.db"),
}


def _waits_by_the_clock(clock: Callable[[], float]) -> None:
    deadline = clock() + 1
    while clock() < deadline:
        continue


def _real_socket_connects() -> Any:
    return asyncio.get_running_loop().sock_connect(REAL, ("127.0.0.1", 9))


def _real_socket_accepts() -> Any:
    return asyncio.get_running_loop().sock_accept(REAL)


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_whoever_asks_in_another_way_is_refused_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call, what = ASKED[name]
    monkeypatch.setattr("cutpoint_simulations.loop.host.READINGS_MAX", 1000)

    async def program() -> None:
        await asked(call)

    with Simulation(1) as simulation:
        host = started(simulation, "host")
        with pytest.raises(NotSimulated) as caught:
            simulation.complete(program(), on=host)
    assert what in str(caught.value)
    assert f"{HERE}:" in str(caught.value)


# ------------------------------------------------------------------------------------------------------- what stays


def test_the_environment_stays_and_sending_files_works() -> None:
    async def program() -> tuple[bool, bytes]:
        heard = asyncio.get_running_loop().create_future()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.set_result(await reader.read())
            writer.close()

        server = await asyncio.start_server(listen, "127.0.0.1", 80)
        _, writer = await asyncio.open_connection("127.0.0.1", 80)
        Path("/simulated/file").write_bytes(b"x" * 300_000)
        with open("/simulated/file", "rb") as file:
            await asyncio.get_running_loop().sendfile(writer.transport, file)
        writer.close()
        data = await heard
        server.close()
        return os.environ["PATH"] == path, data

    path = os.environ["PATH"]
    assert on_host(program) == (True, b"x" * 300_000)
