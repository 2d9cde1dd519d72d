from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError, RegistryError
from cutpoint.testing.etcd_server import EtcdServer, free_ports
from cutpoint_coordinator.registry import EmbeddedRegistry, MemoryRegistry, open_registry
from cutpoint_coordinator.registry.etcd import EtcdRegistry
from cutpoint_coordinator.registry.locate import parse_etcd_url


async def test_every_form_of_url_opens_its_registry(tmp_path: Path, etcd_server: EtcdServer) -> None:
    urls: tuple[tuple[str, type], ...] = (
        ("memory:", MemoryRegistry),
        (str(tmp_path / "plain"), EmbeddedRegistry),
        (f"embedded:{tmp_path}/named", EmbeddedRegistry),
        (etcd_server.url, EtcdRegistry),
        (f"{etcd_server.url},127.0.0.1:{free_ports(1)[0]}/", EtcdRegistry),
    )
    for url, kind in urls:
        registry = await open_registry(url)
        assert type(registry) is kind, url
        assert await registry.scan("") == ()
        await registry.close()


def test_an_etcd_url_names_members_user_and_files() -> None:
    assert parse_etcd_url("etcd://a:1,b.example,[::1]:3") == ((("a", 1), ("b.example", 2379), ("::1", 3)), {})
    assert parse_etcd_url("etcd://us%40er:pa%2Fss@a:1?ca=/x/ca.pem&cert=c&key=k") == (
        (("a", 1),),
        {"ca": "/x/ca.pem", "cert": "c", "key": "k", "user": "us@er", "password": "pa/ss"},
    )


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "is not a registry; nothing was started; write memory:"),
        ("embedded:", "is not a registry"),
        ("memory:x", "is not a registry"),
        ("ectd://a:1", "is not a registry"),
        ("redis://me:secret@a:1", "'redis://...@a:1' is not a registry"),
        ("localhost:2379", "is not a registry"),
        ("etcd://", "'' in the registry's URL etcd:// is not a host and port"),
        ("etcd://a:1,", "'' in the registry's URL"),
        ("etcd://a:99999", "'a:99999' in the registry's URL"),
        ("etcd://a:1?tls=yes", "'tls' in the registry's URL etcd://a:1.tls=yes is not known"),
        ("etcd://me@a:1", "names a user without a password"),
        ("etcd://me:secret@a:x", "etcd://...@a:x is not a host and port"),
        ("etcd://a:1?cert=/c", "TLS to etcd takes ca"),
        ("etcd://a:1?ca=/nowhere/ca.pem", "The file for ca in the registry's URL cannot be read"),
    ],
)
async def test_a_wrong_url_is_one_line_that_says_what_to_write(url: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        await open_registry(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_prefix_without_its_slash_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="end it with a slash"):
        await open_registry("memory:", prefix="/cutpoint/x")


async def test_an_etcd_that_nobody_runs_is_one_line_that_says_what_to_do() -> None:
    url = f"etcd://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(
        RegistryError, match=rf"{url} did not answer for 0.3 s .*; nothing was changed; start etcd"
    ) as caught:
        await open_registry(url, patience_seconds=0.3)
    assert "\n" not in str(caught.value)


async def test_something_that_is_not_etcd_is_one_line_that_says_what_to_do() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(RegistryError, match=r"did not answer|refused") as caught:
        await open_registry(f"etcd://127.0.0.1:{port}", patience_seconds=0.3)
    assert "\n" not in str(caught.value)
    server.close()


async def test_a_wrong_password_is_told_without_showing_it(etcd_server: EtcdServer) -> None:
    with pytest.raises((RegistryError, ConfigurationError)) as caught:
        await open_registry(etcd_server.url.replace("//", "//me:secret@"), patience_seconds=0.3)
    assert "authentication" in str(caught.value)
    assert "secret" not in str(caught.value)
