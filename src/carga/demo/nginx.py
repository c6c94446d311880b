"""A real nginx before the demo: what stands between most applications and their users, with limits of its own."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from carga.errors import CargaError

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
_POLL_S = 0.02
_CONFIG = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_processes 1;
worker_rlimit_nofile {rlimit_nofile};
{user}events {{ worker_connections {worker_connections}; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_timeout 75s;
  keepalive_requests 100000;
  map $http_upgrade $to_upgrade {{ default upgrade; "" ""; }}
  upstream demo {{ server {upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass http://demo;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $to_upgrade;
      proxy_read_timeout 1h;
    }}
  }}
}}
"""


class NginxMissing(CargaError):
    """nginx is not installed."""

    code = "nginx-missing"


@dataclass(frozen=True)
class Nginx:
    url: str
    """Of the guide's server as seen through nginx, with a slash."""
    pid: int
    folder: Path
    """Holds nginx.conf, error.log and access.log until the context ends."""

    @property
    def errors(self) -> str:
        """What nginx complained of so far."""
        return (self.folder / "error.log").read_text(errors="replace")


@contextlib.contextmanager
def nginx_before(demo_url: str, *, worker_connections: int = 4096, rlimit_nofile: int = 16_384) -> Iterator[Nginx]:
    """Runs nginx on a free loopback port, with HTTP and WebSockets passed on to `demo_url`.

    Each viewer needs two connections a socket, one on either side. Raises NginxMissing, and CargaError when nginx
    does not start.
    """
    binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if binary is None:
        raise NginxMissing("nginx is not installed.", "On Debian: apt-get install nginx-light.")
    with tempfile.TemporaryDirectory(prefix="carga-nginx-") as name:
        folder, port = Path(name), _free_port()
        folder.chmod(0o755)
        config = folder / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                folder=folder,
                rlimit_nofile=rlimit_nofile,
                user="user root;\n" if os.geteuid() == 0 else "",  # it writes only into this folder
                worker_connections=worker_connections,
                upstream=urlsplit(demo_url).netloc,
                port=port,
            )
        )
        command = [binary, "-c", str(config), "-e", str(folder / "error.log")]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            _wait(process, port, folder)
            yield Nginx(f"http://127.0.0.1:{port}/", process.pid, folder)
        finally:
            _end(process)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None or time.monotonic() > until:
            log = folder / "error.log"
            said = log.read_text(errors="replace").strip() if log.exists() else ""
            raise CargaError("nginx did not start.", said or "It said nothing.")
        time.sleep(_POLL_S)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """With its workers, which are of its session."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
            return
