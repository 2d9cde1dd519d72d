from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import click
import pytest

from cutpoint import command_group
from cutpoint.command import main
from cutpoint.errors import CoordinatorUnreachable
from cutpoint.installing import how_to_install


@pytest.fixture
def contributed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contribute commands that end in every way there is, in the place of the real ones."""

    @click.command()
    @click.option("--loud", is_flag=True)
    def fine(loud: bool) -> None:
        click.echo("FINE" if loud else "fine")

    @click.command()
    def lost() -> None:
        raise CoordinatorUnreachable("nobody answers at\nhttp://127.0.0.1:7420; nothing was lost; start it")

    @click.command()
    def interrupted() -> None:
        raise KeyboardInterrupt

    @click.command()
    @click.pass_context
    def differs(context: click.Context) -> None:
        context.exit(4)

    commands = {"fine": fine, "lost": lost, "interrupted": interrupted, "differs": differs}
    entries = [
        metadata.EntryPoint(name, f"nowhere:{name} [demo]", command_group.GROUP) for name in [*commands, "absent"]
    ]
    monkeypatch.setattr(metadata, "entry_points", lambda **selected: metadata.EntryPoints(entries).select(**selected))
    load = metadata.EntryPoint.load
    monkeypatch.setattr(metadata.EntryPoint, "load", lambda entry: commands.get(entry.name) or load(entry))


@pytest.mark.usefixtures("contributed")
@pytest.mark.parametrize(
    ("line", "status", "printed", "complaint"),
    [
        ("--version", 0, "cutpoint 0.1.0\n", ""),
        ("fine", 0, "fine\n", ""),
        ("fine --loud", 0, "FINE\n", ""),
        ("lost", 1, "", "nobody answers at http://127.0.0.1:7420; nothing was lost; start it"),
        ("interrupted", 130, "", "interrupted"),
        ("differs", 4, "", ""),
        ("nonsense", 2, "", "No such command 'nonsense'. See: cutpoint --help"),
        ("--nonsense", 2, "", "No such option '--nonsense'. See: cutpoint --help"),
        ("fine --nonsense", 2, "", "No such option '--nonsense'. See: cutpoint fine --help"),
        (
            "absent",
            2,
            "",
            "the command 'absent' cannot be imported (No module named 'nowhere'). "
            f"Nothing was started; do: {how_to_install('demo')}",
        ),
    ],
)
def test_every_end_is_a_status_and_at_most_one_line(
    line: str, status: int, printed: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == status
    captured = capsys.readouterr()
    told = captured.err.removeprefix("\n")  # an interrupted command first ends the line that it was writing
    assert (captured.out, told) == (printed, f"cutpoint: error: {complaint}\n" if complaint else "")


@pytest.mark.usefixtures("contributed")
def test_help_lists_a_command_that_is_not_installed_with_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out.split("absent ")[1].split("\n  differs")[0]
    assert " ".join(told.split()) == f"(not installed: {how_to_install('demo')})"


@pytest.mark.usefixtures("contributed")
def test_no_command_at_all_prints_the_help_and_is_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Usage: cutpoint" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    line = f"{sys.executable} -m cutpoint --help | exec 0<&-"
    ended = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True)
    assert (ended.returncode in (0, 1), ended.stderr) == (True, "")


def test_a_coordinator_command_loads_neither_simulations_nor_grpc() -> None:
    program = (
        "import sys; from cutpoint.command import main; main(['cut', '--help']);"
        "print([name for name in ('cutpoint_simulations', 'grpc', 'etcd3', 'hypothesis') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
