"""TLS as a coordinator serves it: one certificate, renewed when its files change, and if wanted, clients' certificates.

Files that have changed make a new way in, on the same address; what is connected already stays as it is. Files that
cannot be used leave the old way in open, and are told of loudly. At least TLS 1.2.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from dataclasses import dataclass

from aiohttp import web

from cutpoint.access.tls import load_pair
from cutpoint.errors import ConfigurationError
from cutpoint.wire.checks import one_line
from cutpoint_coordinator.notices import Notices

BACKLOG = 4096
"""How many connections may wait to be taken: after a failover all agents come at once."""

LOOK_SECONDS = 5.0
"""How often it is looked whether the files have changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerTls:
    """``client_ca``: whose certificates clients have to show; None: they show none. The files are in PEM."""

    certificate: str
    key: str | None = None
    client_ca: str | None = None

    def context(self) -> ssl.SSLContext:
        """Ready for connections. Raises `ConfigurationError`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        load_pair(context, self.certificate, self.key)
        if self.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(self.client_ca)
            except (OSError, ValueError) as error:
                raise ConfigurationError(
                    f"{one_line(self.client_ca)} does not hold certificates to believe ({one_line(error)}); "
                    "nothing was started; give a file in PEM"
                ) from error
        return context

    def seen(self) -> tuple[tuple[int, int, int], ...]:
        """What tells these files from others under their names."""
        found = []
        for path in (self.certificate, self.key, self.client_ca):
            try:
                status = os.stat(path) if path is not None else None
            except OSError:
                status = None
            found.append((status.st_mtime_ns, status.st_ino, status.st_size) if status is not None else (0, 0, 0))
        return tuple(found)


class Entrance:
    """Where a service is reached: ``listener``, with TLS or without. Belongs to the event loop that it is used on."""

    def __init__(self, runner: web.AppRunner, listener: socket.socket, tls: ServerTls | None, notices: Notices) -> None:
        self._runner = runner
        self._listener = listener
        self._tls = tls
        self._notices = notices
        self._site: web.SockSite | None = None

    async def open(self) -> None:
        """Let connections in. Raises `ConfigurationError`."""
        if self._tls is None:
            await web.SockSite(self._runner, self._listener, backlog=BACKLOG).start()
        else:
            await self._renew(self._tls)

    async def keep_up(self) -> None:
        """Follow the files. Runs until it is cancelled."""
        tls = self._tls
        if tls is None:
            await asyncio.Event().wait()
            return
        seen = tls.seen()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if (now := tls.seen()) == seen:
                continue
            seen = now
            try:
                await self._renew(tls)
            except ConfigurationError as error:
                text = f"the new certificate cannot be used, the old one is shown on: {error}"
                self._notices.add("certificate unusable", text, level=logging.ERROR)
            else:
                self._notices.add("certificate renewed", "the certificate's files have changed, the new one is shown")

    async def _renew(self, tls: ServerTls) -> None:
        site = web.SockSite(self._runner, self._listener.dup(), ssl_context=tls.context(), backlog=BACKLOG)
        await site.start()
        old, self._site = self._site, site
        if old is not None:
            await old.stop()
