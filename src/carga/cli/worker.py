"""`carga worker`: runs users for a coordinator."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from carga.cli.processes import TOKEN_ENVIRONMENT, read_token, run_async


def worker(
    *,
    join: Annotated[str, Parameter(help="The coordinator: ws://HOST:PORT/worker.")],
    users_max: Annotated[int, Parameter(help="How many users this worker takes.")] = 100,
    token_file: Annotated[
        Path | None, Parameter(help=f"File with the coordinator's token; or set {TOKEN_ENVIRONMENT}.")
    ] = None,
    id: Annotated[str, Parameter(help="Name of the worker; left out: made of host and process.")] = "",
    engine: Annotated[Literal["", "fake"], Parameter(show=False)] = "",
) -> int:
    """Run users for a coordinator, until the run is over.

    `carga doctor` says how many users this machine should hold.
    """
    token = read_token(token_file)
    from carga.worker.serve import WorkerOptions, serve

    options = WorkerOptions(join=join, token=token, users_max=users_max, worker_id=id, engine=engine)
    return run_async(serve(options))
