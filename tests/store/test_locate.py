from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError
from cutpoint.installing import how_to_install
from cutpoint.store import DirectoryBackend, MemoryBackend, open_backend
from cutpoint.store.caching import CachingBackend
from cutpoint.store.limiting import LimitingBackend
from cutpoint.store.retrying import RetryingBackend


def test_a_path_and_a_file_url_name_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my store#1"
    open_backend(str(folder)).create("a", b"1")
    assert open_backend(folder.as_uri()).read("a") == b"1"
    assert open_backend("my store#1").read("a") == b"1"
    assert open_backend("my store#1").url == folder.as_uri()


def test_the_url_of_a_backend_opens_it_again(tmp_path: Path) -> None:
    for url in (str(tmp_path), "memory:again"):
        backend = open_backend(url)
        backend.create("a", b"1")
        assert open_backend(backend.url).read("a") == b"1"


def test_a_memory_is_shared_by_name() -> None:
    assert isinstance(open_backend("memory:one"), MemoryBackend)
    assert open_backend("memory:one") is open_backend("memory:one")
    assert open_backend("memory:one") is not open_backend("memory:two")


def test_opening_makes_nothing(tmp_path: Path) -> None:
    backend = open_backend(str(tmp_path / "new"))
    assert isinstance(backend, DirectoryBackend)
    assert backend.list("") == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        (
            "ftp://me:hunter2@host/prefix",
            "there is no store for ftp://; nothing was opened; name a folder, as a path or as",
        ),
        ("http://host/", "or a place in a cloud: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix"),
        ("s3://", "does not name a bucket"),
        ("file://host/path", "does not name a folder of this machine"),
        ("file:relative", "write file:///absolute/path"),
        ("file:///a?b", "%3F"),
        ("file:///a#b", "%23"),
        ("file://[broken/", "is no URL"),
        ("", "the store has no name"),
        ("a\0b", "the store has no name"),
    ],
)
def test_what_names_no_store_is_refused_with_what_to_write(url: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_backend(url)
    assert complaint in str(caught.value)
    assert str(caught.value).isprintable()
    assert "hunter2" not in str(caught.value)


def test_a_store_in_a_cloud_is_asked_again_and_limited_and_cached_as_its_url_says(tmp_path: Path) -> None:
    def layers(url: str) -> list[str]:
        backend = open_backend(url)
        assert backend.url == url
        found = [type(backend).__name__]
        while isinstance(backend, CachingBackend | RetryingBackend | LimitingBackend):
            backend = backend.inner
            found.append(type(backend).__name__)
        return found

    limited = f"gs://bucket?operations_per_second=5&cache={tmp_path}"
    assert layers("s3://bucket/prefix") == ["RetryingBackend", "ObjectBackend"]
    assert layers("s3://bucket/prefix?retry_seconds=0") == ["ObjectBackend"]
    assert layers(limited) == ["CachingBackend", "RetryingBackend", "LimitingBackend", "ObjectBackend"]


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "cutpoint.store.objects", raising=False)
    with pytest.raises(
        ConfigurationError, match=f"a store at az:// needs an extra; .*{re.escape(how_to_install('objects'))}"
    ):
        open_backend("az://container/prefix")
