"""How lives end: by themselves, or with an exception that nobody caught."""

from __future__ import annotations

import dataclasses
import traceback


class HostExit(SystemExit):
    """The process is gone, as after `os._exit`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unhandled:
    """What an event loop's exception handler was told."""

    at: float
    host: str
    message: str
    error: BaseException | None

    def __str__(self) -> str:
        told = "" if self.error is None else "".join(traceback.format_exception(self.error)).rstrip()
        return f"{self.at:.6f} {self.host}: {self.message}\n{told}"
