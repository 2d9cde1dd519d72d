"""The algorithm: no I/O, no clock, no randomness, no asyncio.

The contract of every core here with whoever drives it (the asyncio agent, the coordinator service, the simulator,
the Hypothesis machines):

1. One event at a time: ``step(event) -> tuple[Effect, ...]``, synchronous and total.
2. Start the effects in the given order, and never wait for one before starting the next.
3. An effect that takes time ends in an event (`PersistPart` in `PartPersisted` or `PersistFailed`).
4. Time and chance arrive as events.

`process` is one process's side of a cut, `coordination` the coordinator's, `recovery` the way back, and
`consistency` says what a consistent cut is. `transitions` holds the tables from which the diagrams are drawn.
"""
