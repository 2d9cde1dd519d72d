from __future__ import annotations

import pytest

from cutpoint.store.object_errors import RANGE_NOT_SATISFIABLE, Kind, diagnose


def answered(status: int, code: str = "") -> Exception:
    """What obstore says when a store has answered ``status``."""
    body = f"<?xml version='1.0'?>\n<Error><Code>{code}</Code><Key>hunter2</Key></Error>" if code else ""
    return Exception(
        "The operation lacked credentials for a: Error performing PUT http://me:hunter2@host/bucket?sig=hunter2 in 1ms"
        f" - Server returned non-2xx status code: {status} Whatever: {body}\n\nDebug source:\n    status: {status}"
    )


def failed(kind: str, more: str = "") -> Exception:
    """What obstore says when there was no answer."""
    return Exception(
        "Generic S3 error: Error performing PUT http://host/bucket?sig=hunter2 in 1ms - HTTP error: sending"
        f"\n\nDebug source:\n    inner: Http(\n    HttpError {{\n    kind: {kind},\n  {more} hunter2"
    )


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (answered(412, "PreconditionFailed"), "exists", "412 PreconditionFailed"),
        (answered(409, "BlobAlreadyExists"), "exists", "409"),
        (answered(409, "ConditionalRequestConflict"), "later", "409 ConditionalRequestConflict"),
        (answered(409), "later", "409"),
        (answered(404, "NoSuchKey"), "missing", "404 NoSuchKey"),
        (answered(404), "missing", "404"),
        (Exception("Bulk delete request failed for key a: it does not exist. (code: 404)"), "missing", "404"),
        (FileNotFoundError("Object at location a not found"), "missing", "no such object"),
        (answered(404, "NoSuchBucket"), "never", "make the bucket"),
        (answered(404, "ContainerNotFound"), "never", "make the bucket"),
        (answered(503, "SlowDown"), "later", "503 SlowDown"),
        (answered(500), "later", "500"),
        (answered(429), "later", "429"),
        (answered(400, "RequestTimeout"), "later", "RequestTimeout"),
        (answered(403, "AccessDenied"), "never", "grant these credentials"),
        (answered(403, "SignatureDoesNotMatch"), "never", "credentials in the environment are not right"),
        (answered(403, "RequestTimeTooSkewed"), "never", "clock of this machine"),
        (answered(400, "ExpiredToken"), "never", "have expired: renew"),
        (answered(401), "never", "credentials in the environment"),
        (answered(301, "PermanentRedirect"), "never", "?region="),
        (answered(501, "NotImplemented"), "never", "whether an object store"),
        (answered(304), "never", "whether an object store"),
        (failed("Connect"), "later", "no connection could be made"),
        (failed("Connect", '"dns error"'), "later", "name of its server is not known"),
        (failed("Connect", "invalid peer certificate: UnknownIssuer"), "never", "certificate is not trusted"),
        (failed("Timeout"), "later", "did not answer in time"),
        (failed("Request"), "later", "connection was lost"),
        (failed("Interrupted"), "later", "connection was lost"),
        (Exception("Generic S3 error: Received non-partial response when range requested"), "never", "makes no sense"),
        (
            Exception("Error performing PUT http://169.254.169.254/latest/api/token in 3ms - HTTP error: error"),
            "never",
            "no credentials were found",
        ),
        (
            Exception("Error performing token request: Error performing GET http://x/ - status code: 503 Busy"),
            "later",
            "credentials answered 503",
        ),
        (
            Exception("Error performing token request: Error performing POST https://oauth2/ - status code: 400 Bad"),
            "never",
            "no credentials were found",
        ),
    ],
)
def test_what_went_wrong_and_whether_waiting_helps(error: Exception, kind: Kind, says: str) -> None:
    diagnosis = diagnose(error)
    assert diagnosis.kind == kind
    assert says in f"{diagnosis.words}; {diagnosis.remedy}"
    assert "hunter2" not in str(diagnosis)


@pytest.mark.parametrize(
    "error",
    [
        answered(416, "InvalidRange"),
        Exception("Generic MicrosoftAzure error: Wanted range starting at 10, but object was only 10 bytes long"),
    ],
)
def test_a_range_that_is_not_there_is_told_apart(error: Exception) -> None:
    assert (diagnose(error).kind, diagnose(error).status) == ("never", RANGE_NOT_SATISFIABLE)


def test_nothing_of_a_request_or_an_answer_is_repeated_but_status_and_code() -> None:
    code = "x" * 1000 + "<script>hunter2"
    assert diagnose(answered(400, code)).words == "the store answered 400"
