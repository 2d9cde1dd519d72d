"""Batches of a table's changes as bytes: frames, one after the other, in chunks that may be cut anywhere.

A frame is 4 bytes of length, big-endian, and the state's format's encoding of ``[gone, keys, values]``. Reading goes
chunk by chunk and holds no more than one chunk and one unfinished frame. Bytes that `encode_batch` did not make can
only raise `Damaged` (of a format that is safe to read, see `formats`).
"""

from __future__ import annotations

import decimal
import pickle
from collections.abc import Iterable, Iterator
from typing import Any

from cutpoint.errors import ConfigurationError, Damaged
from cutpoint.state.capture import Batch
from cutpoint.state.copies import UNCHANGING
from cutpoint.state.formats import Format
from cutpoint.wire.checks import one_line

FRAME_BYTES = 1 << 20
"""A batch whose frame would be longer is divided, down to single entries."""

_LENGTH_BYTES = 4
_NEVER_LONELY = UNCHANGING - {float, decimal.Decimal}
_FRAME_BYTES_MAX = (1 << 32) - 1


# ------------------------------------------------------------------------------------------------------------ writing


def encode_batch(format_: Format, batch: Batch, where: str) -> bytes:
    """The frames of ``batch``, one if it is not large.

    Raises `ConfigurationError`, which begins with ``where`` and the key, if the format cannot keep an entry.
    """
    _refuse_lonely_keys(format_, batch.gone, where)
    _refuse_lonely_keys(format_, batch.keys, where)
    return b"".join(_frames(format_, batch, where))


def _frames(format_: Format, batch: Batch, where: str) -> Iterator[bytes]:
    try:
        data = format_.encode_columns([*batch], where)
    except ConfigurationError:
        _name_the_entry(format_, batch, where)
        raise
    if len(data) > FRAME_BYTES and len(batch.gone) + len(batch.keys) > 1:
        for half in _halves(batch):
            yield from _frames(format_, half, where)
        return
    if len(data) > _FRAME_BYTES_MAX:
        raise ConfigurationError(
            f"{_entry(where, batch.keys[0])} has {len(data)} bytes, more than the {_FRAME_BYTES_MAX} that an entry may "
            "have; nothing was recorded; divide it"
        )
    yield len(data).to_bytes(_LENGTH_BYTES, "big")
    yield data


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    gone, keys, values = batch
    if gone and keys:
        return Batch(gone, [], []), Batch([], keys, values)
    half = (len(gone) + len(keys)) // 2
    return Batch(gone[:half], keys[:half], values[:half]), Batch(gone[half:], keys[half:], values[half:])


def _name_the_entry(format_: Format, batch: Batch, where: str) -> None:
    for key in batch.gone:
        format_.encode(key, _entry(where, key))
    for key, value in zip(batch.keys, batch.values, strict=True):
        format_.encode((key, value), _entry(where, key))


def _entry(where: str, key: Any) -> str:
    return f"{where}, key {one_line(repr(key))}"


def _refuse_lonely_keys(format_: Format, keys: list[Any], where: str) -> None:
    """Refuse keys that are equal only to themselves: a delta could not say which entry it means."""
    if _NEVER_LONELY.issuperset(map(type, keys)):
        return
    for key in keys:
        if _holds_nan(key) or not (format_.safe or _is_plain_key(key) or _is_found_again(format_, key)):
            raise ConfigurationError(
                f"{_entry(where, key)} is equal only to itself and would not be found again after a restore; "
                "nothing was recorded; take a key that is equal to its copy"
            )


def _holds_nan(key: Any) -> bool:
    if type(key) in (tuple, frozenset):
        return any(map(_holds_nan, key))
    return type(key) in (float, decimal.Decimal) and key != key


def _is_plain_key(key: Any) -> bool:
    return type(key) in UNCHANGING or (type(key) is tuple and all(map(_is_plain_key, key)))


def _is_found_again(format_: Format, key: Any) -> bool:
    """Whether an object of the program's own class is equal to its copy, tried where its class leaves it in doubt."""
    hashes: object = type(key).__hash__
    if type(key) is not tuple and hashes is not object.__hash__:
        return True
    try:
        return bool(pickle.loads(format_.to_bytes(key)) == key)
    except Exception:  # what cannot be kept at all is told when the batch is encoded
        return True


def chunked(frames: Iterable[bytes], bytes_max: int) -> Iterator[bytes]:
    """Put ``frames`` together to chunks of at most ``bytes_max``; only a longer frame is cut."""
    parts: list[bytes] = []
    length = 0
    for frame in frames:
        if length and length + len(frame) > bytes_max:
            yield b"".join(parts)
            parts, length = [], 0
        start = 0
        while len(frame) - start > bytes_max:
            yield frame[start : start + bytes_max]
            start += bytes_max
        parts.append(frame[start:])
        length += len(frame) - start
    if length:
        yield b"".join(parts)


# ------------------------------------------------------------------------------------------------------------ reading


def decode_batches(format_: Format, chunks: Iterable[bytes], where: str) -> Iterator[Batch]:
    """The batches in the ``chunks`` of a run, or of several runs in their order.

    Raises `Damaged`, or `ConfigurationError` if this program lacks what the bytes name.
    """
    unfinished = bytearray()
    for chunk in chunks:
        unfinished += chunk
        start = 0
        while (end := _end_of_frame(unfinished, start)) <= len(unfinished):
            data = bytes(memoryview(unfinished)[start + _LENGTH_BYTES : end])
            yield _checked(format_.decode(data, where), where)
            start = end
        del unfinished[:start]
    if unfinished:
        raise Damaged(f"{where} ends in the middle of a batch; nothing was changed; recover to another recovery point")


def _end_of_frame(data: bytearray, start: int) -> int:
    if len(data) - start < _LENGTH_BYTES:
        return len(data) + 1
    return start + _LENGTH_BYTES + int.from_bytes(data[start : start + _LENGTH_BYTES], "big")


def _checked(content: Any, where: str) -> Batch:
    if type(content) is list and len(content) == 3 and all(type(column) is list for column in content):
        gone, keys, values = content
        if len(keys) == len(values):
            return Batch(gone, keys, values)
    raise Damaged(f"{where} holds a batch that is none; nothing was changed; recover to another recovery point")


def apply_batch(content: dict[Any, Any], batch: Batch, where: str) -> None:
    """Change ``content`` as ``batch`` says. Raises `Damaged` if a key of it can be none."""
    try:
        for key in batch.gone:
            content.pop(key, None)
        content.update(zip(batch.keys, batch.values, strict=True))
    except TypeError as error:
        raise Damaged(
            f"{where} holds a key that can be none: {one_line(error)}; nothing was changed; "
            "recover to another recovery point"
        ) from error
