import os
import shutil
import subprocess
from contextlib import ExitStack

import httpx2
import pytest
from websockets.exceptions import WebSocketException

from carga.demo import Demo
from carga.demo.nginx import NginxMissing, nginx_before
from carga.errors import CargaError
from tests.demo.viewers import heard, open_socket, until, user_agent

_PATH = f"{os.environ['PATH']}:/usr/sbin"


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Installs Debian's nginx where that is possible."""
    if not shutil.which("nginx", path=_PATH):
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            pytest.skip("nginx is not installed, and only root on Debian can install it here")
        subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True)
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "nginx-light"]
        subprocess.run(
            install, check=True, capture_output=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        )


def test_http_and_websockets_pass_through_with_their_identity(demo: Demo) -> None:
    with nginx_before(demo.url) as nginx:
        answer = httpx2.post(nginx.url + "api/session", headers={"User-Agent": user_agent(5)})
        assert answer.json()["subscriber"].startswith("TEST_0005")
        with open_socket(demo, 5, nginx.url) as socket:
            assert heard(socket, "clock")["viewers"] == 1
    stats = demo.stats()
    assert (stats.requests.total, stats.websockets.opened, stats.identities) == (1, 1, 1)


def test_few_worker_connections_refuse_the_viewers_beyond_them(demo: Demo) -> None:
    with nginx_before(demo.url, worker_connections=8) as nginx, ExitStack() as opened:
        refused = 0
        for number in range(8):
            try:
                opened.enter_context(open_socket(demo, number, nginx.url))
            except (OSError, WebSocketException):  # a reset, a close or a 500: nginx does each of them
                refused += 1
        assert 0 < refused < 8
        until(lambda: "worker_connections are not enough" in nginx.errors)


def test_nginx_ends_with_the_context(demo: Demo) -> None:
    with nginx_before(demo.url) as nginx:
        assert httpx2.get(nginx.url + "api/channels").status_code == 200
    assert not nginx.folder.exists()
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(nginx.url)


def test_a_missing_nginx_is_said_with_what_to_install(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(NginxMissing) as caught, nginx_before(demo.url):
        pass
    assert "nginx-light" in caught.value.remedy


def test_nginx_that_does_not_start_says_why(demo: Demo) -> None:
    with pytest.raises(CargaError) as caught, nginx_before(demo.url, rlimit_nofile=-1):
        pass
    assert "invalid number" in caught.value.remedy
