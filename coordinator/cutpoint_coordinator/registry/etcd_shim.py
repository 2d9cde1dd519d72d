"""etcd3 0.12.0, made importable with any protobuf from 3.20 on.

As released, etcd3's generated modules (``kv_pb2``, ``auth_pb2``, ``rpc_pb2``) do not import with protobuf 4 and
later. Each of them carries the serialized descriptor of its messages, and protobuf itself builds message classes
from that: so the descriptors are read out of etcd3's own files, without running them, the classes are built by
the protobuf that is installed, and the modules are put where etcd3 will look for them. Nothing of etcd3 is
copied or changed.

This module is the only place where etcd3 and grpc appear untyped. It refuses to do anything but import.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from cutpoint.errors import ConfigurationError
from cutpoint.installing import how_to_install

_GENERATED = ("kv", "auth", "rpc")
"""In the order in which they import each other."""


def _install() -> str:
    return f"install the coordinator's parts with: {how_to_install('coordinator')}"


def _serialized_descriptor(source: str) -> bytes:
    """The value of ``serialized_pb`` in a generated module, which spells it ``_b('...')`` in Latin-1."""
    for found in ast.walk(ast.parse(source)):
        if isinstance(found, ast.keyword) and found.arg == "serialized_pb":
            for constant in ast.walk(found.value):
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    return constant.value.encode("latin-1")
    raise ConfigurationError(f"The installed etcd3 is not the one that Cutpoint knows; {_install()}.")


def _build(package: str, folder: Path, stem: str) -> ModuleType:
    """The generated module ``stem``_pb2 with its message classes built by the installed protobuf."""
    pool: Any = importlib.import_module("google.protobuf.descriptor_pool")
    builder: Any = importlib.import_module("google.protobuf.internal.builder")
    source = (folder / f"{stem}_pb2.py").read_text(encoding="utf-8")
    descriptor = pool.Default().AddSerializedFile(_serialized_descriptor(source))
    module = ModuleType(f"{package}.{stem}_pb2")
    module.__dict__["DESCRIPTOR"] = descriptor
    builder.BuildMessageAndEnumDescriptors(descriptor, module.__dict__)
    builder.BuildTopDescriptorsAndMessages(descriptor, f"{stem}_pb2", module.__dict__)
    return module


def _load() -> tuple[Any, Any]:
    """Import grpc and etcd3, building etcd3's message modules first unless somebody has imported it already."""
    try:
        grpc = importlib.import_module("grpc")
        if "etcd3" not in sys.modules:
            spec = importlib.util.find_spec("etcd3")
            if spec is None or spec.origin is None:
                raise ConfigurationError(f"The etcd client etcd3 is not installed; {_install()}.")
            folder = Path(spec.origin).parent / "etcdrpc"
            for stem in _GENERATED:
                sys.modules[f"etcd3.etcdrpc.{stem}_pb2"] = _build("etcd3.etcdrpc", folder, stem)
        return grpc, importlib.import_module("etcd3")
    except (ImportError, OSError) as error:
        raise ConfigurationError(f"The etcd client could not be loaded ({error}); {_install()}.") from error


grpc: Any
etcd3: Any
grpc, etcd3 = _load()
etcdrpc: Any = etcd3.etcdrpc
