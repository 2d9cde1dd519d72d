"""Telling the coordinator, from a thread, that this process's event loop is held: one short request of its own."""

from __future__ import annotations

import http.client
import logging
from urllib.parse import urlsplit

import msgspec

from cutpoint.protocol.holdups import LoopHeld
from cutpoint_agents.credentials import Credentials
from cutpoint_agents.settings import LOG_NAME

log = logging.getLogger(LOG_NAME)

HOLDUPS_PATH = "/v1/agents/holdups"
_SECONDS = 2.0


def report(url: str, credentials: Credentials, held: LoopHeld) -> bool:
    """Say ``held`` to the coordinator at ``url``; whether it was heard. Blocks, for two seconds or so at most."""
    parts = urlsplit(url)
    secure = parts.scheme in ("https", "wss")
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, parts.port, timeout=_SECONDS, context=credentials.context(url))
        if secure
        else http.client.HTTPConnection(host, parts.port, timeout=_SECONDS)
    )
    body = msgspec.json.encode(held)
    headers = {"Content-Type": "application/json", **credentials.headers("POST", HOLDUPS_PATH, body)}
    try:
        connection.request("POST", HOLDUPS_PATH, body=body, headers=headers)
        return connection.getresponse().status < 300
    except (OSError, http.client.HTTPException) as error:
        log.debug("telling the coordinator of the held loop failed: %s", error)
        return False
    finally:
        connection.close()
