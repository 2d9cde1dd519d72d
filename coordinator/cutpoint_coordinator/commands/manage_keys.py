"""``cutpoint keys``: make, change and show the file of keys that sign and seal what a store holds.

No command prints a secret: they stay in files that only their owner can read.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from cutpoint.errors import ConfigurationError
from cutpoint_coordinator.commands.options import json_option, keys_option

if TYPE_CHECKING:
    from cutpoint.store.key import Key
    from cutpoint.store.keys import KeyRing

_FILE = click.option(
    "--keys",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    envvar="CUTPOINT_KEYS",
    show_envvar=True,
    help="The key file.",
)


@click.group()
def keys() -> None:
    """Make and change the keys that sign recovery points and encrypt what they hold."""


@keys.command()
@_FILE
@click.option(
    "--algorithm",
    type=click.Choice(["ed25519", "hmac-sha256"]),
    default="ed25519",
    show_default=True,
    help="How to sign. Whoever verifies hmac-sha256 can sign as well.",
)
@click.option("--seal", "sealing", is_flag=True, help="Make a key that encrypts packs (AES-256-GCM), too.")
def generate(path: Path, algorithm: Literal["ed25519", "hmac-sha256"], sealing: bool) -> None:
    """Make a new key file, which only you can read. Nothing is overwritten."""
    from cutpoint.store.keys import KeyRing
    from cutpoint_coordinator.commands.printing import print_line

    ring = KeyRing.generate(signing=algorithm, sealing=sealing, created=_now())
    ring.save(path)
    for key in ring.keys:
        print_line(f"{path}: key {key.title} {key.use}s")


@keys.command()
@_FILE
@click.option(
    "--use",
    type=click.Choice(["sign", "seal"]),
    default="sign",
    show_default=True,
    help="Add a key for this. The keys that sign go on signing beside it; a key that seals is retired.",
)
@click.option("--retire", metavar="ID", help="Instead: let this key make nothing new. What it made stays good.")
@click.option("--remove", metavar="ID", help="Instead: forget this key. What only it has made is refused.")
@click.option("--yes", is_flag=True, help="Do not ask before what it has encrypted becomes unreadable.")
def rotate(path: Path, use: Literal["sign", "seal"], retire: str | None, remove: str | None, yes: bool) -> None:
    """Add a key beside those in use; then, when every reader knows it, retire the old one."""
    from cutpoint.store.keys import KeyRing
    from cutpoint_coordinator.commands.printing import print_line

    if retire and remove:
        raise click.UsageError("--retire and --remove are two steps: retire a key first")
    if remove and not yes:
        _confirm_loss(KeyRing.load(path), remove)

    def changed(ring: KeyRing) -> KeyRing:
        if retire or remove:
            return ring.without(retire or remove or "", keep_for_reading=bool(retire))
        return ring.rotated(use=use, created=_now())

    ring = KeyRing.change(path, changed)
    if remove:
        print_line(f"{path}: key {remove} is gone; what only it has made is refused from now on")
    elif retire:
        print_line(f"{path}: key {retire} makes nothing new; what it has made stays good")
    else:
        print_line(f"{path}: key {ring.keys[-1].title} {use}s; hand its part out: cutpoint keys public --keys {path}")


@keys.command()
@keys_option
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it to this file.")
@click.option("--seal", "sealing", is_flag=True, help="With the keys that encrypt packs: those are secrets.")
def public(keys: KeyRing | None, output: Path | None, sealing: bool) -> None:
    """Print what readers need to verify, without what could sign."""
    from cutpoint_coordinator.commands.printing import print_line, several

    part = _given(keys).public(sealing=sealing)
    if output is not None:
        _write(part, output)
        what_for = "verify and decrypt with; keep this file secret" if part.secret else "verify with"
        print_line(f"{output}: {several(len(part.keys), 'key')} to {what_for}")
    elif part.secret:
        raise ConfigurationError(
            "the keys that encrypt are secrets, which are not printed; nothing was written; add --output FILE"
        )
    else:
        print_line(part.encode().decode().rstrip())


@keys.command(name="list")
@keys_option
@json_option
def list_(keys: KeyRing | None, as_json: bool) -> None:
    """List the keys of a file, without their secrets."""
    import msgspec

    from cutpoint_coordinator.commands.printing import print_json, print_table

    ring = _given(keys)
    if as_json:
        shown = msgspec.defstruct("Keys", [("keys", tuple[dict[str, str], ...])])
        print_json(shown(tuple(_shown(key) for key in ring.keys)))
    else:
        columns = ("id", "use", "algorithm", "state", "created")
        print_table("Keys", ("key", *columns[1:]), [[_shown(key)[name] for name in columns] for key in ring.keys])


def _shown(key: Key) -> dict[str, str]:
    names = ("id", "use", "algorithm", "state", "created")
    return {name: getattr(key, name) for name in names}


def _given(keys: KeyRing | None) -> KeyRing:
    if keys is None:
        raise click.UsageError("Missing option '--keys'")
    return keys


def _write(part: KeyRing, output: Path) -> None:
    """Write ``part`` to ``output``, durably; an older part that is there is replaced, anything else is not."""
    from cutpoint.store.keys import KeyRing

    def replaced(old: KeyRing) -> KeyRing:
        if any(key.use == "sign" for key in old.keys):
            raise ConfigurationError(f"{output} holds keys that sign; nothing was overwritten; name another file")
        return part

    if output.exists():
        KeyRing.change(output, replaced)
    else:
        part.save(output)


def _confirm_loss(ring: KeyRing, key_id: str) -> None:
    """Ask before the last key to some packs is thrown away."""
    if any(key.id == key_id and key.use == "seal" for key in ring.keys):
        click.confirm(f"What key {key_id} has encrypted can then be read by nobody. Remove it?", abort=True, err=True)


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
