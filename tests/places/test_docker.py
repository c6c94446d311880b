"""Workers in containers of the real Docker engine, and what plans are refused in containers."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from carga.cli import main
from carga.containers.sweep import sweep
from carga.demo import PLAN, start
from tests.support.docker_engine import OWN_ADDRESS, OwnEngine, containers, docker, networks, own_address, until
from tests.support.run import carga_run, write_plan

real = [
    pytest.mark.e2e,
    pytest.mark.quiet,
    pytest.mark.timeout(1800),  # the first of a session may install Docker and build images
    pytest.mark.usefixtures("docker_engine"),
]
USERS = 4


def plan(url: str, *, seconds: int, more: str = "") -> str:
    return f"""
[target]
url = "{url}guide/"
[[users]]
count = {USERS}
behaviour = "zapper.js"
user_agent = "serial={{serial}};mac={{mac}};"
{more}
[users.identity]
serial = "FAKE_{{index:020d}}"
mac = "{{index:mac}}"
[[load]]
users = {USERS}
over = "0s"
[[load]]
users = {USERS}
over = "{seconds}s"
[[load]]
users = 0
over = "3s"
"""


def written(folder: Path, url: str, *, seconds: int = 60, more: str = "") -> Path:
    return write_plan(folder, plan(url, seconds=seconds, more=more), zapper=PLAN.with_name("zapper.js").read_text())


def workers() -> list[str]:
    return [name for name in containers() if "-worker-" in name]


class TestDockerPlace:
    pytestmark = real

    async def test_the_report_is_what_the_server_counted(self, tmp_path: Path) -> None:
        with start(host=own_address()) as demo:
            path = written(tmp_path, demo.url, seconds=15)
            async with carga_run(path, "--on", "docker", "--workers", "2") as run:
                await asyncio.to_thread(until, lambda: len(workers()) == 2)
                confined = docker(
                    "inspect", "--format={{.HostConfig.CapDrop}} {{.HostConfig.ReadonlyRootfs}}", *workers()
                )
                assert confined.split("\n") == ["[ALL] true"] * 2
                assert all(
                    int(size) > 0 for size in docker("inspect", "--format={{.HostConfig.Memory}}", *workers()).split()
                )
                summary = await run.finish()
            stats, identities = demo.stats(), demo.identities()
        assert summary["verdict"] in ("passed", "untrusted"), summary["reasons"]
        assert summary["counters"]["requests"] == stats.requests.total
        assert summary["counters"]["websockets_opened"] == stats.websockets.opened == USERS
        assert set(identities.identities) == {f"FAKE_{index:020d} 00:00:00:00:00:{index:02X}" for index in range(USERS)}
        assert len(summary["workers"]) == 2
        assert all((run.out / "logs" / f"worker-{number}.log").exists() for number in (1, 2))
        assert not containers()
        assert not networks()

    async def test_a_killed_worker_container_is_started_again(self, tmp_path: Path) -> None:
        with start(host=own_address()) as demo:
            async with carga_run(written(tmp_path, demo.url), "--on", "docker") as run:
                await asyncio.to_thread(until, lambda: demo.stats().websockets.open == USERS)
                docker("kill", *workers())
                await asyncio.to_thread(until, lambda: demo.stats().websockets.open < USERS)
                await asyncio.to_thread(until, lambda: demo.stats().websockets.open == USERS)
                run.process.send_signal(signal.SIGINT)
                summary = await run.finish()
            assert demo.stats().websockets.per_identity_max == 1
        assert summary["users"]["started"] == USERS
        assert [worker["lost"] for worker in summary["workers"]].count(True) == 1
        assert not containers()
        assert not networks()

    async def test_killing_carga_leaves_no_container(self, tmp_path: Path) -> None:
        with start(host=own_address()) as demo:
            async with carga_run(written(tmp_path, demo.url), "--on", "docker") as run:
                await asyncio.to_thread(until, lambda: demo.stats().websockets.open == USERS)
                os.kill(run.process.pid, signal.SIGKILL)
                await asyncio.to_thread(until, lambda: not containers() and not networks())

    async def test_a_docker_that_stops_in_mid_run_ends_the_run_in_words_and_with_a_report(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with OwnEngine() as engine, start(host=OWN_ADDRESS) as demo:
            with engine.running() as daemon:
                engine.take_image(docker("images", "--format", "{{.Repository}}:{{.Tag}}", "carga-worker"))
                monkeypatch.setenv("DOCKER_HOST", engine.host)
                path = written(tmp_path / "run", demo.url, seconds=600)
                async with carga_run(path, "--on", "docker", "--host", OWN_ADDRESS) as run:
                    await asyncio.to_thread(until, lambda: demo.stats().websockets.open == USERS)
                    daemon.kill()
                    daemon.wait(30)
                    summary = await run.finish(timeout_s=180)
                assert summary["process_exit_code"] == 1
                assert "Cannot connect to the Docker daemon" in summary["said"]
                assert summary["users"]["started"] == USERS
            with engine.running():  # takes up what it left, and stops it
                await sweep()
                assert not containers()
                assert not networks()

    def test_an_image_with_another_carga_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        docker("tag", docker("images", "--quiet", "carga-base"), "carga-worker:other")
        monkeypatch.setenv("CARGA_IMAGE_TAG", "other")
        try:
            path = str(written(tmp_path, "http://10.1.2.3/"))
            assert main(["run", path, "--on", "docker", "--out", str(tmp_path / "out")]) == 4
            assert "another carga" in capsys.readouterr().err
        finally:
            docker("rmi", "carga-worker:other")


@pytest.mark.parametrize(
    ("url", "more", "on", "words"),
    [
        ("http://127.0.0.1:8000/", 'isolation = "container"', "local", "host.docker.internal"),
        ("http://localhost/", 'isolation = "container"', "local", "that is the container itself"),
        ("http://[::1]:80/", "", "docker", "host.docker.internal"),
        ("http://10.1.2.3/", 'isolation = "container"', "docker", "containers of their own"),
    ],
)
def test_what_cannot_work_in_containers_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, more: str, on: str, words: str
) -> None:
    path = str(written(tmp_path, url, more=more))
    assert main(["run", path, "--on", on, "--out", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_carga_check_tells_that_containers_do_not_reach_the_loopback_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(written(tmp_path, "http://127.0.0.1:80/", more='isolation = "container"'))]) == 2
    assert "host.docker.internal" in capsys.readouterr().err


def test_without_docker_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = str(written(tmp_path, "http://10.1.2.3/"))
    assert main(["run", path, "--on", "docker", "--out", str(tmp_path / "out")]) == 4
    assert "apt-get install docker.io" in capsys.readouterr().err


def test_a_limit_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARGA_CONTAINER_MEMORY_MB", "much")
    path = str(written(tmp_path, "http://10.1.2.3/", more='isolation = "container"'))
    assert main(["run", path, "--out", str(tmp_path / "out")]) == 2
    assert "CARGA_CONTAINER_MEMORY_MB=512" in capsys.readouterr().err
