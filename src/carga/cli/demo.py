"""`carga demo`: the bundled IPTV guide, and the load on it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def demo(
    *,
    serve: Annotated[bool, Parameter(help="Only serve the application, until Ctrl-C.")] = False,
    users: Annotated[int | None, Parameter(help="How many users; left out: those of the bundled plan.")] = None,
    seconds: Annotated[int | None, Parameter(help="How long; left out: as in the bundled plan.")] = None,
    ill: Annotated[
        tuple[str, ...],
        Parameter(help="Make the application ill, such as few-sockets, or slow-database=200 (ms). May be repeated."),
    ] = (),
    seed: Annotated[int | None, Parameter(help="Seeds what the illnesses draw; left out: 1.")] = None,
    leak_cap_mb: Annotated[
        int | None, Parameter(help="How many MB the illness leaking leaks at most; left out: 1024.")
    ] = None,
    port: Annotated[
        int | None, Parameter(help="Port of the live page (with --serve: of the application); left out: a free one.")
    ] = None,
    host: Annotated[
        str, Parameter(help="With --serve: the address to serve at; left out: 127.0.0.1. Containers need another.")
    ] = "127.0.0.1",
    out: Annotated[Path | None, Parameter(help="The run folder; left out: carga-results/demo-DATE-TIME.")] = None,
    json: Annotated[bool, Parameter(help="Print summary.json, and nothing else, on stdout.")] = False,
    quiet: Annotated[bool, Parameter(help="Show no progress.")] = False,
) -> int:
    """Load the bundled IPTV guide: see everything work in a minute.

    Starts the application on this machine and runs its plan as `carga run` does.
    """
    import tempfile

    from carga.cli.conduct import RunSettings, conduct_run
    from carga.cli.demo_server import DemoServer, adapt_plan

    with DemoServer(
        host=host if serve else "127.0.0.1",
        port=(port or 0) if serve else 0,
        ills=ill,
        seed=seed,
        leak_cap_mb=leak_cap_mb,
    ) as server:
        if serve:
            print(server.url, flush=True)
            server.wait()
            return 0
        with tempfile.TemporaryDirectory(prefix="carga-demo-") as directory:
            plan = adapt_plan(Path(directory), url=server.url, users=users, seconds=seconds)
            return conduct_run(RunSettings(plan=plan, out=out, port=port, as_json=json, quiet=quiet, title="demo plan"))
