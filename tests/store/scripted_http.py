"""An HTTP server on loopback that answers as it is told: for errors that no real server gives when one wants them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer. ``body_bytes`` promises more (or less) than there is; ``status`` 0 hangs up without a word."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    body_bytes: int | None = None
    silent_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked; the names of headers are lower-case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Script:
    """Answers in order, the last one for ever; and what was asked."""

    url: str
    replies: list[Reply]
    requests: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length)
        script = self.script
        script.requests.append(Request(method=self.command, path=self.path, headers=headers, body=body))
        reply = script.replies.pop(0) if len(script.replies) > 1 else script.replies[0]
        script.over.wait(reply.silent_seconds)
        self.close_connection = reply.status == 0 or reply.body_bytes is not None
        if reply.status == 0:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) if reply.body_bytes is None else reply.body_bytes))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def scripted(*replies: Reply) -> Iterator[Script]:
    """Run the server for the time of the block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        script = Script(f"http://127.0.0.1:{server.server_address[1]}", list(replies))
        server.RequestHandlerClass = type("Handler", (_Handler,), {"script": script})
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield script
        finally:
            script.over.set()
            server.shutdown()
            thread.join()
