from __future__ import annotations

import collections
import pickle
import threading
from typing import Any

import pytest

from cutpoint.errors import ConfigurationError, Damaged
from cutpoint.state import FORMATS, format_named


@pytest.mark.parametrize("name", ["msgpack", "pickle", "cloudpickle"])
def test_every_format_brings_plain_data_back(name: str) -> None:
    value = {("JFK", "LAX"): 3, None: [1, 2**70], 5: {"a"}}
    assert format_named(name).decode(format_named(name).encode(value, "x"), "x") == value


def test_only_msgpack_is_safe_to_read() -> None:
    assert [f.name for f in FORMATS.values() if f.safe] == ["msgpack"]


def test_an_unknown_format_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigurationError, match="no format 'yaml'; choose one of msgpack, pickle, cloudpickle"):
        format_named("yaml")


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("msgpack", collections.Counter("a"), 'format="pickle"'),
        ("pickle", lambda: None, 'format="cloudpickle"'),
        ("cloudpickle", threading.Lock(), "no sockets, locks or tasks"),
    ],
)
def test_what_a_format_cannot_keep_is_refused_with_the_remedy(name: str, value: Any, remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^state 'x' cannot be kept exactly as {name}: ") as caught:
        format_named(name).encode(value, "state 'x'")
    assert remedy in str(caught.value)


def test_cloudpickle_keeps_what_pickle_cannot() -> None:
    cloud = format_named("cloudpickle")
    assert cloud.decode(cloud.encode(lambda x: x + 1, "x"), "x")(1) == 2


@pytest.mark.parametrize("name", ["msgpack", "pickle", "cloudpickle"])
@pytest.mark.parametrize("data", [b"", b"\xc1", b"\xd4\x63\x00", b"\x80\x05"])
def test_bytes_of_something_else_are_damaged(name: str, data: bytes) -> None:
    with pytest.raises(Damaged, match=f"^state 'x' is not {name}: "):
        format_named(name).decode(data, "state 'x'")


def test_a_pickle_that_names_a_missing_class_is_not_called_damaged() -> None:
    data = pickle.dumps(collections.Counter, protocol=5).replace(b"Counter", b"Caunter")
    with pytest.raises(ConfigurationError, match=r"does not have.*Caunter"):
        format_named("pickle").decode(data, "state 'x'")
