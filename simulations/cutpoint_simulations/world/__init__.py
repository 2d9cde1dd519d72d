"""Processes, channels, disk and coordinator as values over the pure cores; who chooses the next step is a seed,
Hypothesis, or a test.

`World` knows no protocol: it moves frames, runs effects and offers actions (`offers`, `faults`). `oracle` checks every
recovery point against what really happened, which the cores never see. A run is a `history` of actions, which can be
replayed, shrunk (`shrinking`), told in words (`telling`) and drawn (`tracing`).
"""
