"""Under which user a browser runs, and whether its sandbox is on.

Chromium's sandbox does not work for root, so a worker that is root starts its browsers as another user, see `account`.

Whether the kernel lets a browser have user namespaces depends on more than its switches: on filters of system calls, as
Docker's, and on AppArmor, which decides by program. So nobody but the browser itself can tell: one that is refused ends
at once and says so, and is started again without its sandbox.
"""

import os
import shutil
from functools import cache
from pathlib import Path

import msgspec

from carga.engines import account
from carga.engines.account import BROWSER_UID

_USERNS_SWITCHES = (
    Path("/proc/sys/kernel/unprivileged_userns_clone"),
    Path("/proc/sys/user/max_user_namespaces"),
)

_REFUSALS = (
    "No usable sandbox",  # the browser tried a namespace for itself
    "Failed to move to new namespace",  # it went on to the next one, or its setuid helper did
)


class Sandbox(msgspec.Struct, frozen=True):
    on: bool
    uid: int | None
    """The user to switch to; None: stay who we are."""
    reason: str = ""
    """Why the sandbox is off."""

    def launcher(self) -> list[str]:
        """What stands before the browser's command line."""
        return account.launcher(self.uid)

    def flags(self) -> list[str]:
        return [] if self.on else ["--no-sandbox"]

    def without(self, reason: str) -> "Sandbox":
        return Sandbox(on=False, uid=self.uid, reason=reason)

    def give(self, directory: Path) -> None:
        """Makes the browser's user the owner of `directory` and what is in it."""
        account.give(directory, self.uid)


@cache
def detect() -> Sandbox:
    """What this machine allows, by the kernel's switches. The engine learns the rest when it starts a browser."""
    namespaces = all(_allows(switch) for switch in _USERNS_SWITCHES)
    if os.geteuid() != 0:
        return Sandbox(on=namespaces, uid=None, reason="" if namespaces else "user namespaces are switched off")
    if shutil.which("setpriv") is None:
        return Sandbox(on=False, uid=None, reason="setpriv (util-linux) is missing, so root cannot change the user")
    if not namespaces:
        return Sandbox(on=False, uid=BROWSER_UID, reason="user namespaces are switched off")
    return Sandbox(on=True, uid=BROWSER_UID)


def refused(said: str) -> bool:
    """Whether a browser ended for want of a sandbox, by its words on stderr."""
    return any(refusal in said for refusal in _REFUSALS)


def _allows(switch: Path) -> bool:
    try:
        return int(switch.read_text()) > 0
    except (OSError, ValueError):
        return True  # a kernel without the switch has nothing to forbid
