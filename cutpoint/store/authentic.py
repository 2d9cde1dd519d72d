"""What must hold before anything that a store gave is believed enough to run it: the way from a key to a part.

A trusted key has signed the manifest, the manifest names the part's pack by its digest, and the pack names
everything else by digests. So whoever restores a state asks here first, with what the coordinator told it, and reads
the part afterwards. Where no key verifies, nothing here can vouch, and it says so instead of passing.
"""

from __future__ import annotations

from cutpoint.errors import ConfigurationError, NotAuthentic
from cutpoint.names import CutNumber, Digest, ProcessName
from cutpoint.store.backend import Backend
from cutpoint.store.keys import KeyRing
from cutpoint.store.manifests import Manifest, ManifestPart, manifest_name, read_manifest
from cutpoint.wire.checks import one_line


def authentic_manifest(backend: Backend, cut: CutNumber, keys: KeyRing, *, computation: str) -> Manifest:
    """The manifest of ``cut``, which a trusted key has signed for this ``computation``.

    Raises `ObjectMissing`, `Damaged`, and `NotAuthentic` (a `Damaged`) that name the object; `ConfigurationError` if
    no key of ``keys`` verifies.
    """
    if not keys.trusted:
        raise ConfigurationError(
            f"the manifest of cut {cut} cannot be authenticated: none of the keys that were given verifies; "
            "nothing was restored; give a key file with one: cutpoint keys public"
        )
    manifest = read_manifest(backend, cut, keys)
    if manifest.computation != computation:
        raise NotAuthentic(
            f"object {manifest_name(cut)} in {backend.url} is the manifest of computation "
            f"{one_line(repr(manifest.computation))}, this is {one_line(repr(computation))}; nothing of it was used; "
            "recover to another recovery point, and find out who put it there"
        )
    return manifest


def authentic_part(manifest: Manifest, process: ProcessName, named: Digest) -> ManifestPart:
    """What ``manifest`` says of ``process``, whose part the coordinator called ``named``.

    Raises `NotAuthentic` if the manifest names another part, or none.
    """
    part = next((part for part in manifest.parts if part.process == process), None)
    if part is None or part.object != named:
        says = f"names {part.object}" if part else "names none"
        raise NotAuthentic(
            f"the part of {process} in cut {manifest.cut} is not authentic: {one_line(named)} was asked for, and the "
            f"signed manifest {says}; nothing of it was used; find out who asks, the coordinator may not be yours"
        )
    return part
