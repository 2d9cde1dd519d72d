"""Replay: a recorded recovery point opened in the simulator, and as many futures of it as there are seeds.

From the bottom up: `point` (what was recorded), `stage` (a simulated cluster that has gone back to it), `final_states`
and `messages` (what a future came to, and what was said on the way), `future` (one seed), `divergence` (two seeds that
do not agree), `verdict` (many), `report`, `inquiry`.
"""
