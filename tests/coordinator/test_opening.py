"""Where a coordinator says that it is reached."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cutpoint_coordinator.opening import open_all
from cutpoint_coordinator.settings import Address, Settings


@pytest.mark.parametrize(
    ("listen", "advertise", "host", "port"),
    [
        ("127.0.0.1", None, "127.0.0.1", None),
        ("127.0.0.1", "cuts.example.org:80", "cuts.example.org", 80),
        ("127.0.0.1", "cuts.example.org:0", "cuts.example.org", None),
        ("0.0.0.0", None, socket.gethostname(), None),
        ("0.0.0.0", "[2001:db8::1]:7420", "[2001:db8::1]", 7420),
    ],
)
async def test_it_is_reached_where_it_listens_unless_it_is_told_otherwise(
    tmp_path: Path, listen: str, advertise: str | None, host: str, port: int | None
) -> None:
    opened = await open_all(
        Settings(
            registry=str(tmp_path / "registry"),
            store=str(tmp_path / "store"),
            listen=Address(host=listen, port=0),
            advertise=None if advertise is None else Address.parse(advertise),
            open_access=True,
        )
    )
    try:
        assert opened.url == f"http://{host}:{port or opened.listener.getsockname()[1]}"
    finally:
        opened.listener.close()
        await opened.registry.close()
