"""Recovery points to replay: a computation is run in the simulator, and its store is written into a real folder."""

from __future__ import annotations

from pathlib import Path

from cutpoint_simulations.cluster import Cluster, Declare, settings
from cutpoint_simulations.loop import Simulation, Weather


def record(declare: Declare, folder: Path, *, seconds: float, interval_seconds: float = 0.5, seed: int = 99) -> Path:
    """Run for so long, on a slow network, a cut every so often; the folder of the store."""
    with Simulation(seed) as simulation:
        simulation.network.weather = Weather(latency_seconds=0.02, jitter_seconds=0.02)
        cluster = Cluster(simulation, coordinator=settings(interval_seconds=interval_seconds))
        declare(cluster)
        cluster.start()
        simulation.run(until=seconds)
        assert not simulation.unhandled
        for path, data in simulation.disk("machine").files().items():
            file = folder / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    return folder / "store"
