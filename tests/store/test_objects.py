"""What is special to a store in a cloud: on the real S3 server, and on one that answers as it is told."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from cutpoint.errors import ConfigurationError, ObjectExists, ObjectMissing, StoreError, StoreUnavailable
from cutpoint.store import Backend, open_backend
from cutpoint.testing.object_server import ObjectServer

from .scripted_http import Reply, Script, scripted

SECRET = "hunter2"
STAMPED = (("ETag", '"x"'), ("Last-Modified", "Mon, 23 Nov 2026 16:06:51 GMT"))


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials for every cloud, in the environment; none of them is good for anything."""
    account_key = "aHVudGVyMg=="
    for name, value in {
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AZURE_STORAGE_ACCOUNT_NAME": "me",
        "AZURE_STORAGE_ACCOUNT_KEY": account_key,
        "GOOGLE_BEARER_TOKEN": SECRET,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)


def bare(script: Script, scheme: str = "s3", **options: object) -> Backend:
    more = "".join(f"&{name}={value}" for name, value in options.items())
    return open_backend(f"{scheme}://bucket/prefix?endpoint={script.url}&retry_seconds=0{more}")


def refused(call: Callable[[], object], error: type[StoreError] | type[ConfigurationError]) -> str:
    with pytest.raises(error) as caught:
        call()
    text = str(caught.value)
    assert type(caught.value) is error
    assert text.isprintable()
    assert SECRET not in text
    assert caught.value.__cause__ is None or SECRET not in str(caught.value.__cause__)
    return text


def test_a_store_is_below_its_prefix_and_sees_nothing_beside_it(object_server: ObjectServer) -> None:
    outer, inner = open_backend(object_server.url("tree")), open_backend(object_server.url("tree/inner"))
    beside = open_backend(object_server.url("tree/inner-too"))
    inner.create("a", b"1")
    beside.create("a", b"2")
    assert (inner.list(""), beside.sizes("")) == (("a",), (("a", 1),))
    assert outer.list("inner") == ("inner-too/a", "inner/a")
    assert outer.list("inner/") == ("inner/a",)


def test_a_bucket_that_is_not_there_is_named_and_not_taken_for_a_missing_object(object_server: ObjectServer) -> None:
    url = object_server.url("a").replace("s3://cutpoint/", "s3://nothing-here/")
    backend = open_backend(url)
    for call in (lambda: backend.list(""), lambda: backend.read("a")):
        assert "make the bucket, or correct the URL" in refused(call, StoreError)


def test_wrong_credentials_are_told_apart_and_not_shown(
    object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    backend = open_backend(object_server.url("a"))
    calls = (
        lambda: backend.create("a", b""),
        lambda: backend.read("a"),
        lambda: backend.size("a"),
        lambda: backend.list(""),
        lambda: backend.delete("a"),
    )
    for call in calls:
        assert "credentials in the environment are not right" in refused(call, StoreError)
    assert "credentials in the environment are not right" in refused(backend.check_writable, ConfigurationError)


def test_no_credentials_are_told_with_what_to_do(object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with scripted(Reply(status=404)) as metadata:
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", metadata.url)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        backend = open_backend(object_server.url("a"))
        assert "no credentials were found" in refused(lambda: backend.list(""), StoreError)
        assert "no credentials were found" in refused(lambda: backend.create("a", b"1"), StoreError)
        assert [request.path for request in metadata.requests] == ["/latest/api/token"] * 2


def test_a_store_that_is_down_is_worth_another_try(object_server: ObjectServer) -> None:
    with scripted(Reply(status=200)) as gone:
        url = object_server.url("a", retry_seconds=0).replace(object_server.endpoint, gone.url)
    backend = open_backend(url)
    assert "no connection could be made; nothing was lost" in refused(lambda: backend.read("a"), StoreUnavailable)
    told = refused(lambda: backend.create("a", b""), StoreUnavailable)
    assert told.startswith(f"object a was not written to {url}, as far as is known: no connection could be made;")
    assert "nothing half-written is visible" in told
    assert "no connection could be made" in refused(backend.check_writable, ConfigurationError)


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("scheme", "header", "value"),
    [("s3", "if-none-match", "*"), ("gs", "x-goog-if-generation-match", "0"), ("az", "if-none-match", "*")],
)
def test_a_create_is_one_request_that_demands_to_be_the_first(scheme: str, header: str, value: str) -> None:
    with scripted(Reply(status=201, headers=STAMPED)) as script:
        bare(script, scheme).create("packs/a", b"content")
    (request,) = script.requests
    assert (request.method, request.headers[header], request.body) == ("PUT", value, b"content")
    assert request.path.endswith(("/bucket/prefix/packs/a", "/bucket/prefix%2Fpacks%2Fa"))


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_a_busy_store_is_asked_once_by_the_client_and_again_by_us(scheme: str) -> None:
    busy, done = Reply(status=503), Reply(status=201, headers=STAMPED)
    with scripted(busy) as script:
        assert "503" in refused(lambda: bare(script, scheme).create("a", b"1"), StoreUnavailable)
        assert len(script.requests) == 1
    with scripted(busy, Reply(status=404), busy, Reply(status=404), done) as script:
        open_backend(f"{scheme}://bucket/prefix?endpoint={script.url}").create("a", b"1")
        assert [request.method for request in script.requests] == ["PUT", "HEAD", "PUT", "HEAD", "PUT"]


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_a_create_whose_answer_is_lost_is_settled_by_reading_back(scheme: str) -> None:
    lost, found = Reply(status=0), Reply(status=200, body=b"mine", headers=STAMPED)
    with scripted(lost, found, found) as script:
        open_backend(f"{scheme}://bucket/prefix?endpoint={script.url}").create("a", b"mine")
    with scripted(lost, found, found) as script, pytest.raises(ObjectExists):
        open_backend(f"{scheme}://bucket/prefix?endpoint={script.url}").create("a", b"hers")
    assert [request.method for request in script.requests] == ["PUT", "HEAD", "GET"]


@pytest.mark.usefixtures("credentials")
def test_a_conflict_between_requests_does_not_say_that_the_object_is_there() -> None:
    conflict = Reply(status=409, body=b"<Error><Code>ConditionalRequestConflict</Code></Error>")
    with scripted(conflict) as script:
        refused(lambda: bare(script).create("a", b"1"), StoreUnavailable)
    with scripted(Reply(status=409, body=b"<Error><Code>BlobAlreadyExists</Code></Error>")) as script:
        refused(lambda: bare(script, "az").create("a", b"1"), ObjectExists)
    with scripted(Reply(status=412)) as script:
        refused(lambda: bare(script, "gs").create("a", b"1"), ObjectExists)


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_a_place_that_is_not_there_is_no_missing_object_where_there_need_be_none(scheme: str) -> None:
    with scripted(Reply(status=404)) as script:
        for call in (lambda: bare(script, scheme).create("a", b""), lambda: bare(script, scheme).list("")):
            assert "make the bucket, or correct the URL" in refused(call, StoreError)
        assert bare(script, scheme).size("a") is None


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_a_body_that_ends_early_is_no_object(scheme: str) -> None:
    short = Reply(status=200, body=b"abc", headers=STAMPED, body_bytes=10)
    with scripted(short) as script:
        assert "the connection was lost" in refused(lambda: bare(script, scheme).read("a"), StoreUnavailable)
    part = Reply(status=206, body=b"a", headers=(*STAMPED, ("Content-Range", "bytes 0-1/3")), body_bytes=2)
    with scripted(part) as script:
        refused(lambda: bare(script, scheme).read_range("a", 0, 2), StoreUnavailable)


@pytest.mark.usefixtures("credentials")
def test_an_object_that_is_too_long_is_not_fetched() -> None:
    with scripted(Reply(status=200, headers=STAMPED, body_bytes=10**12)) as script:
        told = refused(lambda: bare(script).read("a", bytes_max=1000), StoreError)
    assert f"object a in s3://bucket/prefix?endpoint={script.url}&retry_seconds=0 is {10**12} bytes long" in told


@pytest.mark.usefixtures("credentials")
def test_what_answers_and_is_no_object_store_is_told() -> None:
    page = Reply(status=200, body=b"<html>It works!")
    with scripted(page) as script:
        backend = bare(script)
        for call in (lambda: backend.create("a", b""), lambda: backend.read_range("a", 0, 1), lambda: backend.list("")):
            assert "look whether an object store is what answers there" in refused(call, StoreError)


@pytest.mark.usefixtures("credentials")
def test_a_store_that_does_not_answer_is_left_after_the_time_that_a_request_may_take() -> None:
    began = time.monotonic()
    with scripted(Reply(status=200, silent_seconds=60)) as script:
        told = refused(lambda: bare(script, timeout_seconds=0.3).read("a"), StoreUnavailable)
        assert "it did not answer in time" in told
        assert time.monotonic() - began < 10


@pytest.mark.usefixtures("credentials")
def test_a_store_that_overwrites_is_refused_before_anything_is_entrusted_to_it() -> None:
    with scripted(Reply(status=200, headers=STAMPED)) as script:
        told = refused(bare(script).check_writable, ConfigurationError)
    assert "it overwrites what it was told only to create" in told
    assert "take a store that honours If-None-Match" in told
    put, second, delete = script.requests
    assert (put.method, put.path, second.path, delete.method) == ("PUT", second.path, put.path, "DELETE")
    assert put.path.startswith("/bucket/prefix/tmp/check-")


def test_a_check_goes_through_everything_and_leaves_nothing(object_server: ObjectServer) -> None:
    backend = open_backend(object_server.url("checked"))
    backend.check_writable()
    assert open_backend(object_server.url("checked/tmp")).list("") == ()


def test_an_environment_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", SECRET)
    told = refused(lambda: open_backend("s3://bucket/a"), ConfigurationError)
    assert "look at its URL, and at what the environment says about the cloud" in told


FORKED = """
import os, sys
from cutpoint.errors import UsageError
from cutpoint.store import open_backend
backend = open_backend(sys.argv[1])
backend.create("a", b"1")
child = os.fork()
if not child:
    told = []
    for call in (lambda: backend.read("a"), lambda: backend.list(""), lambda: open_backend(sys.argv[1])):
        try:
            call()
        except UsageError as error:
            told.append(str(error))
    os._exit(len(told) if all("spawn" in text for text in told) else 9)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), backend.read("a"))
"""


def test_a_forked_process_is_told_and_does_not_wait_for_ever(object_server: ObjectServer) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FORKED, object_server.url("forked")], capture_output=True, text=True, timeout=60
    )
    assert ended.stdout == "3 b'1'\n", ended.stderr


def test_threads_share_one_store(object_server: ObjectServer) -> None:
    backend = open_backend(object_server.url("threads"))
    names = [f"packs/000000000001/{number:02d}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: backend.create(name, name.encode() * 1000), names))
        found = list(pool.map(lambda name: backend.read_range(name, 21, 21), names))
    assert found == [name.encode() for name in names]
    with pytest.raises(ObjectMissing):
        backend.read("packs/000000000001/40")
    assert threading.active_count() < 20
