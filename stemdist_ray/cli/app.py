"""The ``stemdist`` command: its subcommands, one module each."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from stemdist_ray.cli.convert import convert
from stemdist_ray.cli.demo import demo
from stemdist_ray.cli.describe import describe
from stemdist_ray.cli.distill import distill
from stemdist_ray.cli.evaluate import evaluate
from stemdist_ray.cli.exits import exit_codes, prepare_process
from stemdist_ray.cli.export import export
from stemdist_ray.cli.flags import with_flags
from stemdist_ray.cli.forecasters import forecasters
from stemdist_ray.cli.methods import methods
from stemdist_ray.cli.rank import rank
from stemdist_ray.cli.report import report
from stemdist_ray.cli.sync import sync
from stemdist_ray.cli.train import train
from stemdist_ray.cli.tune import tune
from stemdist_ray.cli.ui import ui


class _Commands(TyperGroup):
    """Turns domain errors and interruptions of any command into a line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; 2 = bad input, 130 = interrupted."""
        # A subcommand is only known while it runs; until then no flag has been taken.
        with exit_codes(lambda message: with_flags(message, self._flags(ctx))):
            return super().invoke(ctx)

    def _flags(self, ctx: Any) -> set[str]:
        command = self.commands.get(ctx.invoked_subcommand or "")
        params = [] if command is None else command.params
        return {flag for param in params for flag in param.opts}


app = typer.Typer(
    name="stemdist",
    cls=_Commands,
    help="Distil spatio-temporal data sets, compressed in time and in space.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for _command in (
    demo,
    describe,
    convert,
    distill,
    evaluate,
    rank,
    report,
    export,
    train,
    tune,
    forecasters,
    methods,
    ui,
    sync,
):
    app.command()(_command)


def run() -> None:
    """Parse the command line and run the command."""
    prepare_process()
    app()
