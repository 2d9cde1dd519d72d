"""``python -m tests.faults``: the whole matrix, printed cell by cell and as a table. About twenty minutes."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.faults.matrix import CELLS, Outcome, run_cells, table


def _tell(outcome: Outcome) -> None:
    print(f"{outcome.cell}: {outcome.outage_seconds:.2f} s{''.join(f'; {each}' for each in outcome.wrong)}", flush=True)


def main(words: list[str]) -> int:
    """Run the cells in whose description all of ``words`` are; the status is 1 if anything was wrong."""
    cells = [cell for cell in CELLS if all(word in str(cell) for word in words)]
    folder = Path(tempfile.mkdtemp(prefix="cutpoint-faults-"))
    outcomes = asyncio.run(run_cells(folder, cells, tell=_tell))
    print(table(outcomes))
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
