"""`carga doctor`: what is missing on this machine and how many users it should hold."""

from typing import Annotated

from cyclopts import Parameter


def doctor(*, json: Annotated[bool, Parameter(help="Print JSON.")] = False) -> int:
    """Say what is missing here and how many users this machine should hold.

    Exits 0 when users can run here, else 4.
    """
    from rich.table import Table
    from rich.text import Text

    from carga.cli.failures import print_json
    from carga.cli.terminal import columns, to_stdout
    from carga.doctor.checks import diagnose
    from carga.exitcodes import ExitCode

    diagnosis = diagnose()
    exit_code = ExitCode.PASSED if diagnosis.usable else ExitCode.NO_USER
    if json:
        print_json(diagnosis)
        return exit_code
    console = to_stdout()
    styles = {"ok": "green", "warning": "yellow", "problem": "bold red"}
    table = Table.grid(padding=(0, 2, 0, 0))
    for check in diagnosis.checks:
        table.add_row(Text(check.state, style=styles[check.state]), check.name, Text(check.finding))
        if check.remedy:
            table.add_row("", "", Text(f"→ {check.remedy}", style="cyan"))
    console.print(table)
    console.print()
    if not diagnosis.usable:
        console.print("No user can run here.", style="bold red")
        return exit_code
    users = columns(" users this machine should hold", "about", "limited by")
    for capacity in diagnosis.capacity:
        users.add_row(f" {capacity.kind}", f"{capacity.users:,}", capacity.limited_by)
    console.print(users)
    console.print(
        " An estimate for a small application with one key press a second; a heavier one holds fewer.", style="dim"
    )
    return exit_code
