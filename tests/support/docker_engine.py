"""The Docker engine for tests: the one that runs here, or one started by hand; and one of a test's own to be killed."""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

PACKAGES = ("docker.io", "iproute2", "iptables", "mmdebstrap")
START_TIMEOUT_S = 60.0
BUILD_TIMEOUT_S = 1500.0
OWN_ADDRESS = "10.214.7.1"
"""Of this machine, as a test's own engine and its containers reach it."""
INSIDE_ADDRESS = "10.214.7.2/24"
_LOCK = Path("/tmp/carga-tests-docker.lock")


def docker(*arguments: str, must: bool = True, timeout_s: float = 120.0, **environment: str) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={**os.environ, **environment},
    )
    assert not must or done.returncode == 0, done.stderr
    return done.stdout.strip()


def containers(*filters: str, everything: bool = True) -> list[str]:
    """Names of carga's containers; `everything`: also of those that have ended."""
    options = [option for one in ("label=carga.owner", *filters) for option in ("--filter", one)]
    return docker("ps", *(["--all"] if everything else []), *options, "--format", "{{.Names}}").split()


def networks() -> list[str]:
    return docker("network", "ls", "--filter", "label=carga.owner", "--format", "{{.Name}}").split()


def until(condition: "object", *, timeout_s: float = 60.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


@contextlib.contextmanager
def running_engine() -> Iterator[None]:
    """Docker with the images of carga as it is now. What is started here ends with the block."""
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install()
        with contextlib.ExitStack() as stack:
            if not _answers():
                stack.enter_context(started_engine())
            command = [sys.executable, "-m", "carga", "image", "build", "--base", "mmdebstrap"]
            built = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False)
            assert built.returncode == 0, built.stderr
            yield


def _install() -> None:
    if all(shutil.which(program) for program in ("dockerd", "mmdebstrap", "ip", "iptables")):
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
        subprocess.run(["apt-get", *command], check=True, capture_output=True, timeout=600, env=environment)


def _answers(**environment: str) -> bool:
    return bool(docker("version", "--format", "{{.Server.Version}}", must=False, **environment))


@contextlib.contextmanager
def started_engine(*command: str, **environment: str) -> Iterator["psutil.Popen"]:
    """`dockerd` by hand."""
    with tempfile.TemporaryFile() as said:
        process = psutil.Popen(command or ["dockerd"], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            until(lambda: process.poll() is not None or _answers(**environment), timeout_s=START_TIMEOUT_S)
            said.seek(0)
            assert process.poll() is None, said.read()[-2000:].decode()
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(30)
                except psutil.TimeoutExpired:
                    process.kill()


class OwnEngine:
    """A Docker engine of a test's own, beside the other one: with its own images, containers and networks."""

    def __init__(self) -> None:
        # In a network namespace, or it would take away the other engine's bridge.
        self._name = f"carga-{secrets.token_hex(3)}"
        inside = ("netns", "exec", self._name, "ip")
        _ip("netns", "add", self._name)
        _ip("link", "add", self._name, "type", "veth", "peer", "name", "carga0", "netns", self._name)
        _ip("address", "add", f"{OWN_ADDRESS}/24", "dev", self._name)
        _ip("link", "set", self._name, "up")
        _ip(*inside, "address", "add", INSIDE_ADDRESS, "dev", "carga0")
        _ip(*inside, "link", "set", "carga0", "up")
        folder = tempfile.mkdtemp(prefix="carga-")  # a socket's path may have 107 characters
        self.folder = Path(folder)
        self.host = f"unix://{folder}/docker.sock"
        self._command = (
            *("nsenter", f"--net=/run/netns/{self._name}", "dockerd"),
            *("--host", self.host, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
            *("--pidfile", f"{folder}/docker.pid"),
            *("--default-address-pool", "base=10.213.0.0/16,size=24"),
        )

    @contextlib.contextmanager
    def running(self) -> Iterator["psutil.Popen"]:
        with started_engine(*self._command, DOCKER_HOST=self.host) as process:
            yield process

    def __enter__(self) -> "OwnEngine":
        return self

    def __exit__(self, *_: object) -> None:
        """One that was killed leaves mounts."""
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in reversed([one for one in mounts if one.startswith(f"{self.folder}/")]):
            subprocess.run(["umount", mount], check=True, capture_output=True, timeout=60)
        _ip("link", "delete", self._name)
        _ip("netns", "delete", self._name)
        shutil.rmtree(self.folder)

    def take_image(self, name: str) -> None:
        """From the other engine."""
        with subprocess.Popen(["docker", "save", name], stdout=subprocess.PIPE) as saved:
            subprocess.run(
                ["docker", "load"],
                stdin=saved.stdout,
                check=True,
                capture_output=True,
                timeout=300,
                env={**os.environ, "DOCKER_HOST": self.host},
            )


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=60)


def own_address() -> str:
    """An address of this machine that containers reach."""
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family.name == "AF_INET" and not one.address.startswith("127."):
                return one.address
    raise AssertionError("this machine has the loopback address only")
