"""The `patdsl` command: which subcommands there are, and what becomes of an exception.

In: command line arguments. Out: an exit code: 0 all is well, 1 findings, 2 the command cannot do what was asked
(a wrong option, a file that cannot be written), 3 a bug in patdsl. The work is in `patdsl/commands/`, each loaded
only when called, so that `--help` and the commands that need no torch stay quick.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from patdsl.render import escape
from patdsl.version import __version__

#: Subcommands with their line in `--help`, in the order of a first use.
COMMANDS = {
    "check": "Report every error in .pat files.",
    "fmt": "Format .pat files in place.",
    "compile": "Compile .pat files to Python modules.",
    "show": "Show declared ops, or one op or pattern in full.",
    "explain": "Say why patterns did not match in a graph.",
    "kernels": "Build the GPU kernels, or say which there are.",
    "test": "Test patterns by graphs that are made from them.",
    "verify": "Compare both sides of patterns on many inputs.",
    "bench": "Time both sides of patterns on a device.",
    "demo": "Fuse real models with the library and measure what changes.",
}

EXIT_USAGE = 2
EXIT_BUG = 3
EXIT_INTERRUPTED = 130  # 128 + SIGINT
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE


class LazyCommands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"patdsl.commands.{cmd_name}").command
        command.name = cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="patdsl")
def group() -> None:
    """Fusion patterns for PyTorch FX graphs, written once.

    A .pat file says which ops are replaced by which; patdsl checks it, compiles it to a Python module, and the
    module's passes fuse models under torch.compile.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code. Prints, and never raises, for anything that a user can do."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that cannot show a character gets it escaped
            stream.reconfigure(errors="backslashreplace")
    try:
        # Not `group.main`, which answers a closed pipe by itself, with the exit code of findings. `obj` tells a command
        # whether the process ends with it.
        given = list(sys.argv[1:] if arguments is None else arguments)
        with group.make_context("patdsl", given, obj=arguments is None) as context:
            code = group.invoke(context)
        if sys.stdout:  # None where it was closed before the start
            sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _silence()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        _silence()
        click.echo(f"error: {escape(_os_error(error))}", err=True)
        return EXIT_USAGE
    except Exception as error:
        return _report_bug(error)
    return code if isinstance(code, int) else 0


def _silence() -> None:
    """Standard output may be what failed: then nothing more may go there, not even when the interpreter ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _os_error(error: OSError) -> str:
    path = error.filename2 or error.filename
    return f"{path}: {error.strerror}" if path and error.strerror else str(error)


def _report_bug(error: Exception) -> int:
    if os.environ.get("PATDSL_TRACEBACK"):
        traceback.print_exception(error)
    text = f"{type(error).__name__}: {error}".split("\n", 1)[0]
    click.echo(
        f"error: a bug in patdsl {__version__}: {escape(text)} "
        "(please report it with the file that shows it; PATDSL_TRACEBACK=1 shows where it happened)",
        err=True,
    )
    return EXIT_BUG
