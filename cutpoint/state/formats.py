"""How a state's value becomes bytes: ``msgpack`` (the default), ``pickle`` or ``cloudpickle``, chosen per state.

``msgpack`` keeps plain data exactly and refuses the rest; reading it runs no foreign code. The two pickle formats
keep whatever pickle keeps, and reading them runs whatever the bytes say: they are read only for a state that
was declared with that very format, never because a part claims so.
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cutpoint.errors import ConfigurationError, Damaged
from cutpoint.state.plain import NotPlain, decode_plain, encode_columns, encode_plain
from cutpoint.wire.checks import one_line


@dataclass(frozen=True, kw_only=True)
class Format:
    """One way to bytes and back. ``safe``: reading damaged or hostile bytes can only raise."""

    name: str
    safe: bool
    to_bytes: Callable[[object], bytes]
    from_bytes: Callable[[bytes], Any]
    columns_to_bytes: Callable[[list[list[Any]]], bytes]
    remedy: str

    def encode(self, value: object, where: str) -> bytes:
        """Encode ``value`` now.

        Raises `ConfigurationError`, which begins with ``where``, if the format cannot keep it.
        """
        return self._encoded(self.to_bytes, value, where)

    def encode_columns(self, columns: list[list[Any]], where: str) -> bytes:
        """Encode lists of many values each; what comes back is what `encode` would have made of ``columns``."""
        return self._encoded(self.columns_to_bytes, columns, where)

    def _encoded(self, to_bytes: Callable[[Any], bytes], value: Any, where: str) -> bytes:
        try:
            return to_bytes(value)
        except NotPlain as error:
            reason = str(error)
        except Exception as error:  # pickle raises what the value's own code raises
            reason = f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            f"{where} cannot be kept exactly as {self.name}: {one_line(reason)}; nothing was recorded; {self.remedy}"
        )

    def decode(self, data: bytes, where: str) -> Any:
        """Decode what `encode` made.

        Raises `Damaged` if it did not make these bytes, `ConfigurationError` if this program lacks what they name.
        """
        try:
            return self.from_bytes(data)
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(
                f"{where} names something that this program does not have: {one_line(error)}; "
                "nothing was changed; start the program that wrote it, or bring the name back"
            ) from error
        except Exception as error:  # unpickling raises what the bytes make it raise
            raise Damaged(
                f"{where} is not {self.name}: {one_line(error)}; nothing was changed; recover to another recovery point"
            ) from error


def _pickled(value: object) -> bytes:
    return pickle.dumps(value, protocol=5)


def _cloudpickled(value: object) -> bytes:
    data: bytes = importlib.import_module("cloudpickle").dumps(value, protocol=5)
    return data


MSGPACK = Format(
    name="msgpack",
    safe=True,
    to_bytes=encode_plain,
    from_bytes=decode_plain,
    columns_to_bytes=encode_columns,
    remedy='declare the state with format="pickle", or keep plain data in it',
)
PICKLE = Format(
    name="pickle",
    safe=False,
    to_bytes=_pickled,
    from_bytes=pickle.loads,
    columns_to_bytes=_pickled,
    remedy='declare the state with format="cloudpickle", or keep only what pickle can keep in it',
)
CLOUDPICKLE = Format(
    name="cloudpickle",
    safe=False,
    to_bytes=_cloudpickled,
    from_bytes=pickle.loads,
    columns_to_bytes=_cloudpickled,
    remedy="keep only what cloudpickle can keep in it, no sockets, locks or tasks",
)

FORMATS: Mapping[str, Format] = {format_.name: format_ for format_ in (MSGPACK, PICKLE, CLOUDPICKLE)}


def format_named(name: str) -> Format:
    """The format of that name. Raises `ConfigurationError` that lists the names there are."""
    if name not in FORMATS:
        raise ConfigurationError(f"there is no format {one_line(repr(name))}; choose one of {', '.join(FORMATS)}")
    return FORMATS[name]
