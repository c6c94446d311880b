"""The command line as a user starts it, and a plan to give to it."""

import os
import subprocess
import sys
from pathlib import Path

TIMEOUT_S = 60.0

PLAN = """\
[target]
url = "http://127.0.0.1:9/"

[[users]]
name = "viewers"
count = 4

[users.identity]
serial = "FAKE_{index:06d}"

[[load]]
users = 4
over = "1s"

[[load]]
users = 4
over = "3s"
"""


def write_plan(directory: Path, text: str = PLAN) -> Path:
    path = directory / "plan.toml"
    path.write_text(text)
    return path


def carga(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "carga", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=TIMEOUT_S,
        check=False,
    )
