"""All commands under one name, and what becomes of an error."""

from __future__ import annotations

import sys

import typer

from suite.cli import ablate, ask, bench, dashboard, export, fidelity, oracle, report, search
from suite.cli.secret import hide_password
from suite.errors import SuiteError

COMMANDS = (
    (search.search, search.EXAMPLES),
    (oracle.oracle, oracle.EXAMPLES),
    (fidelity.fidelity, fidelity.EXAMPLES),
    (ask.ask, ask.EXAMPLES),
    (export.export, export.EXAMPLES),
    (report.report, report.EXAMPLES),
    (dashboard.dashboard, dashboard.EXAMPLES),
    (ablate.ablate, ablate.EXAMPLES),
    (bench.bench, bench.EXAMPLES),
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # never print locals: they may hold a storage URL
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find a small, fast CNN for your pictures, and know how far to believe the result.",
)
for command, examples in COMMANDS:
    app.command(epilog=examples)(command)


def main() -> None:
    """Entry point: a SuiteError is one paragraph and an exit code, never a traceback."""
    hide_password()
    try:
        app()
    except SuiteError as error:
        print(f"suite: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
