"""Installs the peers: Python's and Node's packages of versions.toml, into a cache of their own.

The cache is ~/.cache/carga-benchmarks/peers, or the folder that CARGA_PEERS_CACHE names. It takes about 1 GB.
"""

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec

VERSIONS = Path(__file__).parent / "versions.toml"
CACHE = Path(os.environ.get("CARGA_PEERS_CACHE", Path.home() / ".cache" / "carga-benchmarks" / "peers"))
INSTALL_TIMEOUT_S = 900


class Installed(msgspec.Struct, frozen=True):
    bin: Path
    """k6, locust, node, npm."""
    node: Path
    """The folder with package.json and node_modules."""


def versions() -> dict[str, dict[str, str]]:
    """Name -> version, of each kind (`python`, `node`)."""
    table = tomllib.loads(VERSIONS.read_text())
    return {kind: {name: one["version"] for name, one in table[kind].items()} for kind in ("python", "node")}


def install() -> Installed:
    """What is there already stays, as long as versions.toml is the same."""
    wanted = hashlib.sha256(VERSIONS.read_bytes()).hexdigest()
    stamp = CACHE / "installed"
    installed = Installed(CACHE / "python" / "bin", CACHE / "node")
    if stamp.exists() and stamp.read_text() == wanted:
        return installed
    sys.stderr.write(f"installing the peers into {CACHE} …\n")
    packages = versions()
    CACHE.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", CACHE / "python"])
    pins = [f"{name}=={version}" for name, version in packages["python"].items()]
    _run([installed.bin / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins])
    installed.node.mkdir(exist_ok=True)
    manifest = {"private": True, "dependencies": packages["node"]}
    (installed.node / "package.json").write_text(json.dumps(manifest, indent=1))
    # Without peer dependencies: puppeteer-cluster's is the puppeteer that brings a browser; it gets puppeteer-core.
    npm = [installed.bin / "npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--legacy-peer-deps"]
    _run(npm, cwd=installed.node, PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD="1")
    stamp.write_text(wanted)
    return installed


def _run(command: list[str | Path], *, cwd: Path | None = None, **environment: str) -> None:
    path = f"{CACHE / 'python' / 'bin'}:{os.environ['PATH']}"
    everything = {**os.environ, "PATH": path, **environment}
    subprocess.run(command, cwd=cwd, env=everything, stdout=sys.stderr, timeout=INSTALL_TIMEOUT_S, check=True)
