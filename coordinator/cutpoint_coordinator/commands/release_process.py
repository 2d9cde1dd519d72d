"""``cutpoint release NAME``: go on without a process that will not come back."""

from __future__ import annotations

import click

from cutpoint_coordinator.commands.options import ask, coordinator_option, json_option


@click.command()
@click.argument("name", metavar="NAME")
@coordinator_option
@json_option
def release(name: str, coordinator_url: str, as_json: bool) -> None:
    """Go on without process NAME, which is gone and will not come back: no cut or recovery waits for it any more."""
    from cutpoint_coordinator.commands.printing import print_json, print_line

    answer = ask(coordinator_url, lambda client: client.release(name))
    if as_json:
        print_json(answer)
    else:
        print_line(
            f"{answer.process} is released: no cut and no recovery waits for it any more, and what was on its way to "
            "it is given up; if it joins again it is admitted as new and starts empty"
        )
