"""Which store a command looks into: the one that ``--store`` names, or the one that the coordinator writes to.

What a command reads or marks in the second case it reads and marks there itself; the coordinator only says where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutpoint.errors import ConfigurationError
from cutpoint_coordinator.commands.options import ask

if TYPE_CHECKING:
    from cutpoint.store import Backend


def chosen_store(store_url: str | None, coordinator_url: str) -> Backend:
    """Open the store. Raises `ConfigurationError` if it is not there, `CoordinatorUnreachable`."""
    from cutpoint_coordinator.offline import open_store

    if store_url is not None:
        return open_store(store_url)
    url = ask(coordinator_url, lambda client: client.topology()).store
    try:
        return open_store(url)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"the coordinator's store {url} cannot be opened from here; nothing was done; run this where it can be, or "
            "say with --store where it is for you"
        ) from error
