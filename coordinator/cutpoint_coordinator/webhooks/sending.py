"""One attempt to deliver one alert: a POST that is signed, bounded in time, follows nobody, and reads nothing.

Of the answer only the status counts. Why an attempt failed is told in words that never hold the URL, the secret or
anything that the receiver has said.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import NamedTuple

import aiohttp
import msgspec
from yarl import URL

from cutpoint.webhooks import ALERT, SIGNATURE, Alert, signature_of
from cutpoint_coordinator.webhooks.kept import Hook

ANSWER_SECONDS = 10.0
"""How long one attempt may take."""


class Attempt(NamedTuple):
    """``trouble``: why the alert did not arrive; empty: it did."""

    trouble: str

    @property
    def delivered(self) -> bool:
        """Whether the receiver has said so."""
        return not self.trouble


Send = Callable[[Hook, Alert], Awaitable[Attempt]]


async def send(hook: Hook, alert: Alert) -> Attempt:
    """Deliver ``alert`` to ``hook``, or say why that was not possible."""
    body = msgspec.json.encode(alert)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"cutpoint/{version('cutpoint')}",
        ALERT: alert.id,
        SIGNATURE: signature_of(body, hook.secret, int(time.time())),
    }
    try:
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as session,
            session.post(URL(hook.url, encoded=True), data=body, headers=headers, allow_redirects=False) as response,
        ):
            status = response.status
            response.close()
    except TimeoutError:
        return Attempt(f"it did not answer within {ANSWER_SECONDS:g} seconds")
    except aiohttp.ClientSSLError:
        return Attempt("its certificate is not believed, or TLS is not spoken there")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Attempt(_why(error))
    if 200 <= status < 300:
        return Attempt("")
    if 300 <= status < 400:
        return Attempt(f"it answered {status}, and redirects are not followed: declare the URL that it leads to")
    return Attempt(f"it answered {status}")


def _why(error: BaseException) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
        return f"it cannot be reached ({os.strerror(cause.errno)})"
    return f"its answer was none ({type(cause).__name__})"
