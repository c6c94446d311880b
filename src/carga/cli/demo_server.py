"""The demo application as a child process, and its plan made to fit."""

import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from carga.demo import PLAN
from carga.errors import CargaError, UsageError
from carga.model.duration import format_duration, parse_duration
from carga.places.processes import die_with_parent, kill_session
from carga.plans import load_plan

START_TIMEOUT_S = 30.0
USERS_MAX = 5000
SECONDS_MAX = 24 * 3600
_PLAN_NAME = "demo.toml"
_ORIGIN = re.compile(r"http://127\.0\.0\.1:\d+/?")
_COUNTS = re.compile(r"^(?P<key>count|users)(?P<is>\s*=\s*)(?P<value>\d+)", re.MULTILINE)
_TIMES = re.compile(r'^(?P<key>over)(?P<is>\s*=\s*)"(?P<value>[^"]+)"', re.MULTILINE)


class _Ready(msgspec.Struct):
    url: str


class DemoServer:
    """Serves as long as the context lasts, and not longer than this process."""

    url: str

    def __init__(
        self,
        *,
        port: int,
        ills: Sequence[str],
        host: str = "127.0.0.1",
        seed: int | None = None,
        leak_cap_mb: int | None = None,
    ) -> None:
        self._command = [sys.executable, "-m", "carga.demo", "--host", host, "--port", str(port)]
        for option, value in (("--seed", seed), ("--leak-cap-mb", leak_cap_mb)):
            if value is not None:
                self._command += [option, str(value)]
        for ill in ills:
            self._command += ["--ill", ill]

    def __enter__(self) -> "DemoServer":
        """Raises UsageError with the server's own words when it does not start."""
        self._stderr = tempfile.TemporaryFile()
        # The server is killed and cannot remove its database, so that lies in a folder of ours.
        self._scratch = tempfile.TemporaryDirectory(prefix="carga-demo-", ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, "TMPDIR": self._scratch.name},
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        try:
            self.url = self._read_url()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        kill_session(self._process.pid)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._stderr.close()
        self._scratch.cleanup()

    def wait(self) -> None:
        """Until it ends. Ctrl-C raises KeyboardInterrupt."""
        self._process.wait()
        raise CargaError("The demo application ended.", self._last_words())

    def _read_url(self) -> str:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], START_TIMEOUT_S)[0]:
            raise CargaError("The demo application did not start in time.", self._last_words())
        try:
            return msgspec.json.decode(self._process.stdout.readline(), type=_Ready).url
        except msgspec.MsgspecError:
            self._process.wait(START_TIMEOUT_S)
            raise UsageError("The demo application did not start.", self._last_words()) from None

    def _last_words(self) -> str:
        """The last line of what it said on stderr."""
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").splitlines()
        return lines[-1] if lines else "It said nothing."


def adapt_plan(directory: Path, *, url: str, users: int | None, seconds: int | None) -> Path:
    """Copies the demo's plan and behaviour to `directory`, for the server at `url`, with as many users for as long.

    Every number of users and every time of the plan is scaled alike. Raises UsageError.
    """
    if users is not None and not 1 <= users <= USERS_MAX:
        raise UsageError(f"--users {users} is not possible.", f"Say 1 to {USERS_MAX:,}.")
    if seconds is not None and not 1 <= seconds <= SECONDS_MAX:
        raise UsageError(f"--seconds {seconds} is not possible.", f"Say 1 to {SECONDS_MAX:,}.")
    plan = load_plan(PLAN).plan
    text = _ORIGIN.sub(url.rstrip("/") + "/", PLAN.read_text())
    if users is not None:
        share = users / plan.users
        text = _COUNTS.sub(lambda found: f"{found['key']}{found['is']}{_scaled(found['value'], share)}", text)
    if seconds is not None:
        stretch = seconds / plan.duration_s
        text = _TIMES.sub(lambda found: f'{found["key"]}{found["is"]}"{_stretched(found["value"], stretch)}"', text)
    for file in PLAN.parent.glob("*.js"):
        shutil.copy(file, directory)
    copy = directory / _PLAN_NAME
    copy.write_text(text)
    return copy


def _scaled(text: str, factor: float) -> str:
    """Nobody stays nobody, and whoever is somebody does not vanish."""
    return str(max(1, round(int(text) * factor)) if int(text) else 0)


def _stretched(text: str, factor: float) -> str:
    return format_duration(round(parse_duration(text) * factor, 3))
