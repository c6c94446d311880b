"""`carga browsers`: finds and installs them."""

from typing import Annotated

from cyclopts import App, Parameter

app = App(
    name="browsers", help="Find or install the browsers.", default_parameter=Parameter(negative="", show_default=False)
)


@app.command(name="list")
def list_(*, json: Annotated[bool, Parameter(help="Print JSON.")] = False) -> int:
    """Show the browsers that carga would use.

    Exits 4 when there is none.
    """
    from carga.cli.failures import print_json
    from carga.engines.chromium.find import find_chromium

    found = find_chromium()
    if json:
        print_json({"chromium": found})
    else:
        print(f"chromium  {found.version}  {found.kind}  {found.path}")
    return 0


@app.command
def install(
    *,
    yes: Annotated[bool, Parameter(help="Do not ask.")] = False,
    json: Annotated[bool, Parameter(help="Print JSON at the end.")] = False,
) -> int:
    """Install Chromium's headless shell, unless a usable Chromium is there.

    Debian and Ubuntu: the package chromium-headless-shell, as root. Elsewhere: Playwright's
    download of the headless shell.
    """
    from carga.doctor.install import install_chromium

    install_chromium(ask=not yes)
    return list_(json=json)
