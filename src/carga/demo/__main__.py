"""`python -m carga.demo`: serves the guide, and prints one JSON line when it does."""

import argparse
import os
import sys
from pathlib import Path

import msgspec

from carga.demo.illness import ILLNESSES, parse_ills
from carga.demo.server import DemoOptions, serve
from carga.errors import UsageError


class Ready(msgspec.Struct, frozen=True):
    """The line on stdout."""

    url: str
    pid: int
    ill: list[str]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m carga.demo", description="An IPTV guide to load.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    names = ", ".join(illness.name for illness in ILLNESSES)
    parser.add_argument("--ill", action="append", default=[], metavar="NAME[=VALUE]", help=f"one of {names}")
    parser.add_argument("--access-log", type=Path, metavar="FILE", help="one JSON line a request")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where the database lies")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--leak-cap-mb", type=int, default=1024, help="how much the illness leaking leaks at most")
    parser.add_argument("--clock", type=float, default=5.0, metavar="SECONDS", help="between two clock messages")
    parser.add_argument("--require-identity", action="store_true", help="401 for whoever does not say who it is")
    given = parser.parse_args()

    def ready(url: str) -> None:
        print(msgspec.json.encode(Ready(url, os.getpid(), given.ill)).decode(), flush=True)

    try:
        options = DemoOptions(
            host=given.host,
            port=given.port,
            ills=parse_ills(given.ill),
            access_log=given.access_log,
            data=given.data,
            seed=given.seed,
            leak_cap_mb=given.leak_cap_mb,
            clock_s=given.clock,
            require_identity=given.require_identity,
        )
        serve(options, ready)
    except UsageError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
