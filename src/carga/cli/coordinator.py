"""`carga coordinator`: owns a run."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from carga.cli.processes import TOKEN_ENVIRONMENT, read_token, run_async

ACCESS_TOKEN_ENVIRONMENT = "CARGA_ACCESS_TOKEN"  # noqa: S105 - the name of a variable


def coordinator(
    *,
    plan: Annotated[Path, Parameter(help="The plan file.")],
    out: Annotated[Path, Parameter(help="The run folder. One with an unfinished run is picked up.")],
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port to listen on.")] = 8911,
    token_file: Annotated[
        Path | None, Parameter(help=f"File with the token that workers must show; or set {TOKEN_ENVIRONMENT}.")
    ] = None,
    forced: Annotated[str, Parameter(show=False)] = "",
    fd: Annotated[int | None, Parameter(help="A socket that listens already, handed over by the parent.")] = None,
) -> int:
    """Own a run: hand out users, merge results, judge, serve the live page.

    Ends with the exit code of the run. A live page on another address than the loopback one asks for the token in
    CARGA_ACCESS_TOKEN, or for the workers' token when that is not set.
    """
    token = read_token(token_file)
    from carga.coordinator.serve import CoordinatorOptions, serve

    loopback = host in {"127.0.0.1", "::1", "localhost"}
    access_token = os.environ.get(ACCESS_TOKEN_ENVIRONMENT) or (None if loopback else token)
    options = CoordinatorOptions(
        plan=plan, out=out, token=token, listen_fd=fd, host=host, port=port, access_token=access_token, forced=forced
    )
    return run_async(serve(options))
