"""What an object store's client complains of, in words for an operator: what it was, whether waiting helps, what to do.

The client's errors quote whole requests and answers. Nothing of them is repeated but the HTTP status and the error
code of the store, so that no credential and no signed URL reaches a log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

Kind = Literal["exists", "missing", "later", "never"]
"""The name is taken; there is no such object; the same may succeed later; it will not until somebody does something."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What went wrong: ``words`` for what the store did, ``remedy`` for what to do."""

    kind: Kind
    words: str
    remedy: str
    status: int | None = None
    """The status of HTTP with which the store answered; None if it gave no answer."""


RANGE_NOT_SATISFIABLE: Final = 416

_LATER = "try again later"
_MAKE = "make the bucket, or correct the URL"
_STATUS = re.compile(r"status code: (\d{3})|\(code: (\d{3})\)")
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_TRANSPORT = re.compile(r"\bkind: (Connect|Timeout|Request|Interrupted)\b")
_CREDENTIALS = re.compile(r"169\.254\.\d+\.\d+|token request|metadata\.google|https://sts\.|/latest/(api|meta-data)/")
_MAY_SUCCEED_LATER: Final = frozenset((408, 425, 429, 500, 502, 503, 504, 509, 529))
_CODES_OF_LATER: Final = frozenset(("RequestTimeout", "ConditionalRequestConflict", "OperationAborted", "SlowDown"))
_BEYOND_THE_END: Final = "Wanted range starting at"
_NO_BUCKET: Final = frozenset(("NoSuchBucket", "ContainerNotFound"))
_CODE_OF_EXISTS: Final = "BlobAlreadyExists"

_GRANT: Final = "grant these credentials reading, writing, listing and deleting in the bucket"
_CORRECT: Final = "the credentials in the environment are not right: correct them"
_REMEDIES: Final = {
    "AccessDenied": _GRANT,
    "AuthorizationPermissionMismatch": _GRANT,
    "AuthenticationFailed": _CORRECT,
    "ExpiredToken": "the credentials in the environment have expired: renew them",
    "InvalidAccessKeyId": _CORRECT,
    "InvalidToken": _CORRECT,
    "RequestTimeTooSkewed": "the clock of this machine is wrong: set it",
    "SignatureDoesNotMatch": _CORRECT,
    "PermanentRedirect": "the bucket is in another region: say which with ?region=",
    "AuthorizationHeaderMalformed": "the bucket is in another region: say which with ?region=",
    "QuotaExceeded": "raise the quota, or free some space",
}


def diagnose(error: Exception) -> Diagnosis:
    """Understand an error of the client (an ``obstore.exceptions.BaseError`` or a ``FileNotFoundError``)."""
    text = str(error)
    said = text.partition("\n\nDebug source")[0]
    status, code = _status_in(said), _code_in(text)
    if _CREDENTIALS.search(said.partition("status code")[0]):
        return _of_credentials(status)
    if status is not None:
        return replace(_of_status(status, code), status=status)
    if _BEYOND_THE_END in said:
        status, words = RANGE_NOT_SATISFIABLE, "it is shorter than what was asked for"
        return Diagnosis(kind="never", words=words, remedy="verify the store", status=status)
    if isinstance(error, FileNotFoundError):
        return Diagnosis(kind="missing", words="there is no such object", remedy=_MAKE)
    return _of_transport(text)


def _status_in(said: str) -> int | None:
    found = _STATUS.search(said)
    return int(found[1] or found[2]) if found else None


def _code_in(text: str) -> str:
    found = _CODE.search(text)
    return found[1] if found else ""


def _of_credentials(status: int | None) -> Diagnosis:
    if status in _MAY_SUCCEED_LATER:
        return Diagnosis(kind="later", words=f"who gives out credentials answered {status}", remedy=_LATER)
    return Diagnosis(
        kind="never",
        words="no credentials were found",
        remedy="set them in the environment, as the tools of the cloud expect them",
    )


def _of_status(status: int, code: str) -> Diagnosis:
    words = f"the store answered {status}{f' {code}' if code else ''}"
    if code in _NO_BUCKET:
        return Diagnosis(kind="never", words=words, remedy=_MAKE)
    if status == 412 or (status == 409 and code == _CODE_OF_EXISTS):
        return Diagnosis(kind="exists", words=words, remedy="read it")
    if status == 404:
        return Diagnosis(kind="missing", words=words, remedy=_MAKE)
    # Another conflict is between requests that run at once, and says nothing about what will be there afterwards.
    if status in _MAY_SUCCEED_LATER or status == 409 or code in _CODES_OF_LATER:
        return Diagnosis(kind="later", words=words, remedy=_LATER)
    if status in (401, 403):
        otherwise = "the credentials in the environment are not right, or may not do this: correct or grant them"
    elif status in (301, 307, 308):
        otherwise = _REMEDIES["PermanentRedirect"]
    else:
        otherwise = "look whether an object store is what answers there"
    return Diagnosis(kind="never", words=words, remedy=_REMEDIES.get(code, otherwise))


def _of_transport(text: str) -> Diagnosis:
    found = _TRANSPORT.search(text)
    if "certificate" in text:
        words, remedy = "its certificate is not trusted", "install the right one, or correct the URL"
        return Diagnosis(kind="never", words=words, remedy=remedy)
    if found is None:
        words, remedy = "its answer makes no sense", "look whether an object store is what answers there"
        return Diagnosis(kind="never", words=words, remedy=remedy)
    words = {
        "Connect": "no connection could be made",
        "Timeout": "it did not answer in time",
        "Request": "the connection was lost",
        "Interrupted": "the connection was lost",
    }[found[1]]
    if "dns error" in text:
        words = "the name of its server is not known"
    return Diagnosis(kind="later", words=words, remedy="look whether it runs and can be reached, or try again later")
