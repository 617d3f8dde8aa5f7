"""``sentry-triage``: one file a command. A ``UserError`` is one sentence and a hint, exit 2, no traceback."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from importlib import metadata

import click

from app.errors import TriageError, UserError


class Commands(click.Group):
    """Finds its commands in this package, each loaded when it is asked for: ``--help`` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
        return sorted(name.replace("_", "-") for name in names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(metadata.version("sentry-triage"), prog_name="sentry-triage")
def cli() -> None:
    """Triages Sentry issues and writes the answer back into Sentry."""


def main() -> None:
    """The console script."""
    try:
        cli(prog_name="sentry-triage", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except UserError as error:
        _say(str(error), error.hint)
        sys.exit(2)
    except TriageError as error:
        _say(str(error), "")
        sys.exit(1)
    except Exception as error:
        reason = database_trouble(error)
        if not reason:
            raise
        _say(f"The database does not answer: {reason}", "Check DATABASE_URL and that its server runs.")
        sys.exit(1)


def database_trouble(error: Exception) -> str:
    """What went wrong in one line, without a value or password; empty for other errors."""
    # late: what needs no database stays quick
    from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

    if isinstance(error, OperationalError | InterfaceError):
        # Of the connection, not of a statement. What stands before an @ may be part of a mistyped URL.
        first = str(error.orig).strip().partition("\n")[0]
        return re.sub(r"[^\s'\"]*@", "", first)[:200] or type(error).__name__
    return type(error).__name__ if isinstance(error, SQLAlchemyError) else ""


def _say(message: str, hint: str) -> None:
    click.echo(f"sentry-triage: {message}", err=True)
    if hint:
        click.echo(f"  {hint}", err=True)
