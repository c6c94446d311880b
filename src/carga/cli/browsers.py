"""`carga browsers`: finds and installs them."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

app = App(
    name="browsers", help="Find or install the browsers.", default_parameter=Parameter(negative="", show_default=False)
)

Name = Literal["chromium", "firefox", "webkit", "all"]


@app.command(name="list")
def list_(*, json: Annotated[bool, Parameter(help="Print JSON.")] = False) -> int:
    """Show the browsers that carga would use.

    Exits 4 when there is none.
    """
    from carga.cli.failures import print_json
    from carga.doctor.engines import engines
    from carga.engines.catalogue import load_engine

    found = {report.engine: report.version for report in engines() if report.version}
    if not found:
        load_engine("chromium")  # says what is missing
    if json:
        print_json(found)
    else:
        for engine, version in found.items():
            print(f"{engine:9} {version}")
    return 0


@app.command
def install(
    name: Annotated[Name, Parameter(help="Which; left out: chromium.")] = "chromium",
    /,
    *,
    yes: Annotated[bool, Parameter(help="Do not ask.")] = False,
    json: Annotated[bool, Parameter(help="Print JSON at the end.")] = False,
) -> int:
    """Install a browser, unless a usable one is there.

    Debian and Ubuntu: packages, as root: chromium-headless-shell, firefox-esr, or webkit2gtk-driver with xvfb.
    Elsewhere: Playwright's download of Chromium's headless shell; the others have to be installed by hand.
    """
    from carga.doctor import install as installers

    wanted = {
        "chromium": installers.install_chromium,
        "firefox": installers.install_firefox,
        "webkit": installers.install_webkit,
    }
    for engine, install_it in wanted.items():
        if name in (engine, "all"):
            install_it(ask=not yes)
    return list_(json=json)
