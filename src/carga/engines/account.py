"""Under which user the programs of a browser run.

A browser shows pages of strangers, so a worker that is root starts it as a numeric user of its own, who owns nothing
but the browser's folder. `setpriv` (util-linux) does the switch, and asks the kernel to kill the browser when the
worker dies.
"""

import os
import shutil
from pathlib import Path

BROWSER_UID = 61_417
"""A number without an entry in /etc/passwd, above the ranges that Debian gives to people and services."""


def browser_uid() -> int | None:
    """The user to switch to; None: stay who we are, because we are not root or cannot change."""
    return BROWSER_UID if os.geteuid() == 0 and shutil.which("setpriv") else None


def launcher(uid: int | None) -> list[str]:
    """What stands before a browser's command line."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    switch = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid is not None else []
    return [setpriv, *switch, "--pdeathsig=KILL", "--"]


def give(directory: Path, uid: int | None) -> None:
    """Makes that user the owner of `directory` and what is in it."""
    if uid is None:
        return
    for path in (directory, *directory.rglob("*")):
        os.chown(path, uid, uid)
