"""What reaches the HTTP server and is no request, or breaks off: one line in the log, and nothing of it repeated.

Such a line may hold a token (a header that ends in a carriage return is enough), and whoever is let in by nobody could
fill a log with tracebacks. That a connection is gone is no news at all.
"""

from __future__ import annotations

import logging

from aiohttp import http_exceptions, web

from cutpoint_coordinator.settings import LOG_NAME

_NO_REQUEST = (http_exceptions.HttpProcessingError, web.RequestPayloadError)


class Unrepeated(logging.Filter):
    """Takes what a sender has written, and the traceback to it, out of a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether there is anything left to tell."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, ConnectionError):
            return False
        if isinstance(error, _NO_REQUEST):
            record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
            record.msg = f"what was sent is no HTTP request ({type(error).__name__}); its connection is closed"
            record.args = record.exc_info = record.exc_text = None
        return True


def server_log() -> logging.Logger:
    """Where the HTTP server logs to."""
    log = logging.getLogger(f"{LOG_NAME}.http")
    if not any(isinstance(each, Unrepeated) for each in log.filters):
        log.addFilter(Unrepeated())
    return log
