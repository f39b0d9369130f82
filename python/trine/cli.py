"""The ``trine`` command: parses, calls, prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trine._version import __version__
from trine.errors import InputError, TrineError

__all__ = ["main"]

DEBUG = "--debug"

app = typer.Typer(
    name="trine",
    help="Private machine learning by three parties, none of whom can read the data or the model.",
    epilog="Try it: [bold]trine demo[/bold]",
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"trine {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command."""


@app.command(epilog="Example: [bold]trine demo --verbose[/bold]")
def demo(
    verbose: Annotated[bool, typer.Option("--verbose", help="Show what each party held of the first image.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Classify three hidden MNIST digits with a hidden CNN.

    Starts three parties, a model owner and a client, each a process of its own. Fails if a prediction is wrong.
    """
    from trine.demo.run import print_demo, run_demo

    result = run_demo()
    if as_json:
        typer.echo(result.to_json())
    else:
        print_demo(result, verbose)
    if not result.correct:
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]trine party --id 0 --config /etc/trine/cluster.toml[/bold]")
def party(
    identity: Annotated[int, typer.Option("--id", min=0, max=2, help="Which of the three parties this is.")],
    config: Annotated[
        Path, typer.Option(help="The cluster file; ca.crt, party-ID.crt and party-ID.key lie beside it.")
    ],
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run one party on this host, until Ctrl-C or SIGTERM."""
    from trine.cluster.config import ClusterFile
    from trine.cluster.logs import LEVELS, start_logging
    from trine.cluster.party import run_party

    if log_level not in LEVELS:
        raise typer.BadParameter(f"{log_level!r} is none of {', '.join(LEVELS)}", param_hint="--log-level")
    start_logging(identity, log_level)
    run_party(ClusterFile.read(config), identity)


@app.command(
    epilog="Examples: [bold]trine bench[/bold], [bold]trine bench --only K1,W1 --json out.json[/bold], "
    "[bold]trine bench --full --peers benchmarks/peers[/bold]"
)
def bench(
    full: Annotated[
        bool, typer.Option("--full/--quick", help="Larger sizes and more turns, or about two minutes (without peers).")
    ] = False,
    only: Annotated[str | None, typer.Option(help="Rows to measure, with commas: K1 to K7, W1, W2, W4, W5.")] = None,
    peers: Annotated[
        Path | None,
        typer.Option(help="Directory of other systems to measure beside; ./benchmarks/peers if that is here."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every sample, the machine and the versions to this file.")
    ] = None,
) -> None:
    """Measure trine on this machine, beside other software.

    K1 to K7 are kernels, W1 and W2 queries through the real service, W4 and W5 operations among three party processes.
    Both sides of a comparison take turns in one run. Software that is not installed is named in its row.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from trine.bench.mode import FULL, QUICK
    from trine.bench.report import print_results, to_json
    from trine.bench.suite import choose, run

    rows = choose(only)
    _check_writable(json_file)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting")
        results = run(
            rows,
            FULL if full else QUICK,
            peers,
            lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
        )
    print_results(results)
    if json_file is not None:
        json_file.write_text(to_json(results), encoding="utf-8")


def _check_writable(path: Path | None) -> None:
    """Measuring takes minutes: complain before, not after."""
    if path is None:
        return
    try:
        path.touch()
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error


def main() -> None:
    """Run the command; an error of trine's becomes one line, and exit code 2 (wrong input) or 1 (all else)."""
    try:
        app()
    except TrineError as error:
        if DEBUG in sys.argv:
            raise
        typer.echo(f"error: {error}", err=True)
        sys.exit(2 if isinstance(error, InputError) else 1)
