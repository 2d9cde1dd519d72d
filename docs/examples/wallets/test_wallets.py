"""Is the money of `wallets` safe? Type: pytest test_wallets.py"""

import json

from wallets import MONEY, create_purse, create_shop

from cutpoint_simulations.kit import Cluster, ClusterMachine, Recorded


def declare(cluster: Cluster) -> None:
    """Which services there are, and what must hold of them."""
    cluster.service("shop", lambda: create_shop(coordinator=cluster.coordinator_urls))
    cluster.service("purse", lambda: create_purse(coordinator=cluster.coordinator_urls, shop=cluster.url("shop")))
    cluster.invariant("money is kept", money_is_kept)


def money_is_kept(point: Recorded) -> str | None:
    """In every recovery point: what the purse has, what the till has, and what is on its way."""
    on_its_way = sum(json.loads(message.payload)["paid"] for message in point.in_flight)
    found = point.states["purse"]["money"] + point.states["shop"]["till"] + on_its_way
    return None if found == MONEY else f"there is {found}, and there should be {MONEY}"


class Wallets(ClusterMachine):
    def declare(self, cluster: Cluster) -> None:
        declare(cluster)


TestWallets = Wallets.TestCase
