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


def main() -> None:
    """Run the command; an error of trine's becomes one line, and exit code 2 (wrong input) or 1 (all else)."""
    try:
        app()
    except TrineError as error:
        if DEBUG in sys.argv:
            raise
        typer.echo(f"error: {error}", err=True)
        sys.exit(2 if isinstance(error, InputError) else 1)
