"""Whatever goes wrong with an HTTP request ends in one shape of answer: a code, what happened, and what to do.

Codes are stable; messages are for people. Nothing of the inside (a traceback, a path of ours) is ever in an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from cutpoint.access import redacted
from cutpoint.errors import (
    ConfigurationError,
    CutpointError,
    Damaged,
    ObjectMissing,
    RegistryError,
    StoreError,
    UsageError,
)
from cutpoint_coordinator.answers import Fault, FaultAnswer
from cutpoint_coordinator.requests import NotLeading
from cutpoint_coordinator.settings import LOG_NAME

log = logging.getLogger(LOG_NAME)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(CutpointError):
    """A request that is answered with ``status``, these ``headers`` and this fault, which repeats no secret."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        remedy: str,
        leader: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{message}; {remedy}")
        self.status = status
        self.headers = headers or {}
        self.fault = Fault(code=code, message=redacted(message), remedy=redacted(remedy), leader=leader)


def answer(value: msgspec.Struct, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """``value`` as JSON."""
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def fault(refused: Refused) -> web.Response:
    """The answer to a request that was refused."""
    response = answer(FaultAnswer(error=refused.fault), status=refused.status)
    response.headers.update(refused.headers)
    if refused.status == 503:
        response.headers["Retry-After"] = "1"
    return response


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every fault into an answer of the one shape."""
    try:
        _check_origin(request)
        return await handler(request)
    except Refused as refused:
        return fault(refused)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = fault(_of_http(request, error))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except CutpointError as error:
        return fault(_of_error(error))
    except ConnectionError:
        raise  # whoever asked has gone, there is nobody to answer; aiohttp lets go of the connection
    except Exception:
        log.exception("%s %s failed for an unforeseen reason", request.method, redacted(request.path))
        return fault(
            Refused(500, "internal", "the coordinator failed on this request", "look into its log, and tell us of it")
        )


def _check_origin(request: web.Request) -> None:
    """A browser's page from elsewhere must not drive the coordinator."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Refused(
            403,
            "cross_origin",
            f"a page of {origin[:200]} may not use this coordinator; nothing was done",
            "call the API from a program, or from a page of this very address",
        )


def _of_http(request: web.Request, error: web.HTTPException) -> Refused:
    if error.status == 404:
        return Refused(404, "unknown_route", f"there is no {request.path[:200]} here", "see the API's reference")
    if error.status == 405:
        allowed = error.headers.get("Allow", "another method")
        return Refused(405, "unknown_method", f"{request.path[:200]} does not take {request.method}", f"use {allowed}")
    if error.status == 413:
        return Refused(413, "too_large", "the request's body is too long; nothing was done", "send a small JSON object")
    code = error.reason.lower().replace(" ", "_")
    return Refused(error.status, code, f"the request was not understood ({error.reason})", "see the API's reference")


def _of_error(error: CutpointError) -> Refused:
    message, _, remedy = str(error).rpartition("; ")
    message, remedy = (message, remedy) if message else (remedy, "look into the coordinator's log")
    match error:
        case NotLeading():
            return Refused(503, "not_leading", str(error), "try again in a moment")
        case ObjectMissing():
            return Refused(404, "missing", message, remedy)
        case Damaged():
            return Refused(500, "damaged", message, remedy)
        case StoreError():
            return Refused(503, "store_unreachable", message, remedy)
        case RegistryError():
            return Refused(503, "registry_unreachable", message, remedy)
        case UsageError() | ConfigurationError():
            return Refused(400, "bad_request", message, remedy)
    return Refused(409, "refused", message, remedy)
