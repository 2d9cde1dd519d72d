"""How a run may end: what must be true of a world in which nothing more happens by itself.

Every process runs, nothing is under way, every cut that was opened is published or abandoned, and is published if
nothing stood in its way (a cut that is asked for while another is open need not be opened); without a crash every
payment has arrived. And there is progress: when a cut is demanded now, it is published.
"""

from __future__ import annotations

from cutpoint_simulations.world.action import Action
from cutpoint_simulations.world.healing import Orderly, heal
from cutpoint_simulations.world.search.numbering import NOTHING
from cutpoint_simulations.world.search.places import Places, State
from cutpoint_simulations.world.world import World


def complaint_about(places: Places, state: State) -> str:
    """What is wrong with a world that ends in this state; empty if nothing is."""
    if complaint := _at_rest(places, state):
        return complaint
    world, oracle = places.world(state)
    budget, asked = places.budgets.things[state[places.budget]], places.configuration
    crashed, hurried = budget.crashes < asked.crashes, budget.deadlines < asked.deadlines
    if complaint := _cuts(world, asked.cuts, int(asked.recovery_point), disturbed=crashed or hurried):
        return complaint
    if not crashed and world.money() != world.opening_balance * len(world.participants):
        return f"payments are lost: {world.money()} in all accounts"

    def apply(action: Action) -> None:
        world.apply(action)
        oracle.judge()

    try:
        heal(world, Orderly(), apply)
    except AssertionError as failure:
        return f"{type(failure).__name__}: {failure}"
    return ""


def _at_rest(places: Places, state: State) -> str:
    stopped = [name for i, name in enumerate(places.names) if not places.locals.things[state[i]].runs]
    if stopped:
        return f"{', '.join(stopped)} never ran again"
    under_way = [place for place in range(places.said, places.disk) if state[place] != NOTHING]
    under_way += [place for place in range(places.line, len(state)) if state[place] != NOTHING]
    return f"something is under way and nobody takes it: {under_way}" if under_way else ""


def _cuts(world: World, asked: int, established: int, *, disturbed: bool) -> str:
    ledger = world.durable.ledger()
    if ledger.computation.open_cut:
        return f"cut {ledger.computation.open_cut} never ends"
    if ledger.computation.recovering is not None:
        return f"the recovery of incarnation {ledger.computation.incarnation} never ends"
    recording = [p.name for p in world.participants.values() if p.core.recorder.recording is not None]
    if recording:
        return f"{', '.join(recording)} still record"
    ended = [cut for cut in (*ledger.points, *ledger.abandoned) if cut > established]
    if not disturbed and (ledger.abandoned or (asked and not ended)):
        return f"nothing failed, and of cuts {ended} not all were published"
    return ""
