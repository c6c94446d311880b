"""What the long-running commands share: their token and their event loop."""

import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from carga.errors import UsageError

TOKEN_ENVIRONMENT = "CARGA_TOKEN"  # noqa: S105 - the name of a variable


def read_token(file: Path | None) -> str:
    """The token of a run from `file` or the environment; never from the command line, which everybody can read."""
    if file is None:
        token = os.environ.get(TOKEN_ENVIRONMENT, "")
    else:
        try:
            token = file.read_text()
        except OSError as error:
            raise UsageError(
                f"The token cannot be read: {error}.", "Name a readable file with --token-file."
            ) from error
    if token := token.strip():
        return token
    raise UsageError("There is no token.", f"Set {TOKEN_ENVIRONMENT}, or name a file with --token-file.")


def run_async(main: Coroutine[Any, Any, int]) -> int:
    """Runs a part of a run; what it logs goes to stderr, which `carga run` keeps in a file."""
    import asyncio
    import logging

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # below, it tells of every connection
    return asyncio.run(main)
