"""The `carga` program: its commands, and how every one of them ends.

A command imports what is heavy inside its function, so that the program answers at once.
"""

import io
import sys
from collections.abc import Callable, Sequence

from cyclopts import App, CycloptsError, Group, Parameter

from carga import __version__
from carga.cli.browsers import app as browsers
from carga.cli.check import check
from carga.cli.completion import completion
from carga.cli.coordinator import coordinator
from carga.cli.demo import demo
from carga.cli.doctor import doctor
from carga.cli.failures import end_broken_pipe, report_error, report_unexpected
from carga.cli.fidelity import fidelity
from carga.cli.image import app as image
from carga.cli.init import init
from carga.cli.report import report
from carga.cli.run import run
from carga.cli.schema import schema
from carga.cli.trial import trial
from carga.cli.version import version
from carga.cli.worker import worker
from carga.errors import CargaError, UsageError
from carga.exitcodes import ExitCode

_LOAD = Group("Load an application", sort_key=1)
_LOOK = Group("Look closer", sort_key=2)
_MACHINE = Group("This machine", sort_key=3)
_PARTS = Group("Parts of a run, for other machines", sort_key=4)

_COMMANDS: tuple[tuple[Group, dict[str, Callable[..., int | None] | App]], ...] = (
    (_LOAD, {"demo": demo, "init": init, "check": check, "try": trial, "run": run}),
    (_LOOK, {"report": report, "fidelity": fidelity, "schema": schema}),
    (_MACHINE, {"doctor": doctor, "browsers": browsers, "image": image, "completion": completion, "version": version}),
    (_PARTS, {"coordinator": coordinator, "worker": worker}),
)

_HELP = "Load-test web applications with real browsers."
_EPILOGUE = "`carga COMMAND --help` says more. Results go to stdout, progress to stderr."


def build_app() -> App:
    app = App(
        name="carga",
        help=_HELP,
        help_epilogue=_EPILOGUE,
        help_format="markdown",
        version=__version__,
        default_parameter=Parameter(negative="", show_default=False),
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
    )
    for group, commands in _COMMANDS:
        for order, (name, command) in enumerate(commands.items()):
            if isinstance(command, App):
                command.group, command.sort_key = (group,), order
                app.command(command, name=name)
            else:
                app.command(command, name=name, group=group, sort_key=order)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line; returns the exit code and raises nothing."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in tokens
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no arrow shows a question mark
    try:
        result = build_app()(tokens)
        sys.stdout.flush()
        return int(result or 0)
    except CycloptsError as error:
        return report_error(_usage_error(error), as_json=as_json)
    except CargaError as error:
        return report_error(error, as_json=as_json)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return end_broken_pipe()
    except Exception as error:
        return report_unexpected(error, as_json=as_json)


def _usage_error(error: CycloptsError) -> UsageError:
    chain = " ".join(error.command_chain or ())
    return UsageError(str(error), f"See `{' '.join(filter(None, ('carga', chain)))} --help`.")
