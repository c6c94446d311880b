"""What is made of the words of `docker`, here a script that says them."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from carga.containers.docker import DockerFailed, DockerMissing, ImageMissing, docker
from carga.images import FILES, SECCOMP
from carga.images.base import own_sources
from carga.worker.guard import Guard
from tests.places.helpers import alive, number_in, until

Stand = Callable[[str], None]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Puts a script where `docker` is looked for."""

    def write(script: str) -> None:
        path = tmp_path / "docker"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return write


@pytest.mark.parametrize(
    ("words", "kind", "remedy"),
    [
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", DockerMissing, "dockerd"),
        ("error during connect: Get http://x: EOF", DockerMissing, "dockerd"),
        ("permission denied while trying to connect to the socket docker.sock", DockerMissing, "group docker"),
        ("Error: No such image: carga-browser:1", ImageMissing, "carga image build"),
        ("docker: Error response from daemon: something new", DockerFailed, ""),
    ],
)
async def test_errors_say_what_to_do(stand_in: Stand, words: str, kind: type[DockerFailed], remedy: str) -> None:
    stand_in(f'echo "{words}" >&2; exit 1')
    with pytest.raises(kind) as caught:
        await docker("run")
    assert remedy in caught.value.remedy
    assert type(caught.value) is kind


async def test_a_docker_that_does_not_answer_is_given_up(stand_in: Stand) -> None:
    stand_in("exec sleep 60")
    with pytest.raises(DockerFailed, match="did not answer `docker ps` within"):
        await docker("ps", timeout_s=0.2)


async def test_a_cancelled_call_leaves_no_process(stand_in: Stand, tmp_path: Path) -> None:
    stand_in(f"echo $$ > {tmp_path}/pid; exec sleep 60")
    call = asyncio.create_task(docker("ps"))
    await until(lambda: number_in(tmp_path / "pid"))
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert not alive(number_in(tmp_path / "pid"))


def test_the_watchdog_removes_a_dead_workers_containers_and_networks(stand_in: Stand, tmp_path: Path) -> None:
    stand_in(f'echo "$@" >> {tmp_path}/calls; case "$1 $2" in "ps --all") echo one two;; "network ls") echo net;; esac')
    guard = Guard()
    guard.add_containers("b.n.1.2")
    guard.end()
    mine = "--quiet --filter label=carga.owner=b.n.1.2"
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"ps --all {mine}",
        "rm --force --volumes one two",
        f"network ls {mine}",
        "network rm net",
    ]


def test_a_worker_without_containers_does_not_ask_docker(stand_in: Stand, tmp_path: Path) -> None:
    stand_in(f"touch {tmp_path}/asked")
    guard = Guard()
    guard.allow(10.0, [])
    guard.end()
    assert not (tmp_path / "asked").exists()


def test_only_sources_of_the_same_debian_make_a_base(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    here = tmp_path / "sources.list.d" / "debian.sources"
    here.write_text("Types: deb\nSuites: bookworm bookworm-updates\n")
    (tmp_path / "sources.list.d" / "other.list").write_text("deb https://packages.example other main\n")
    (tmp_path / "sources.list.d" / "off.list.disabled").write_text("deb https://packages.example bookworm main\n")
    release = tmp_path / "os-release"
    release.write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
    assert own_sources(tmp_path, release) == [here]
    release.write_text("ID=ubuntu\nVERSION_CODENAME=noble\n")
    assert own_sources(tmp_path, release) == []


def test_the_profile_allows_what_chromiums_sandbox_is_made_of_and_not_what_breaks_out() -> None:
    profile = json.loads(SECCOMP.read_text())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    allowed = {name for rule in profile["syscalls"] if not rule.get("args") for name in rule["names"]}
    assert {"clone", "clone3", "unshare", "chroot", "seccomp", "prctl"} <= allowed
    refused = {"mount", "umount2", "pivot_root", "setns", "bpf", "ptrace", "keyctl", "kexec_load", "init_module"}
    refused |= {"open_by_handle_at", "perf_event_open", "io_uring_setup", "userfaultfd", "move_mount", "reboot"}
    assert not refused & allowed


def test_every_file_that_an_image_is_built_from_is_in_the_package() -> None:
    text = (FILES / "Dockerfile").read_text()
    assert "COPY browser.sh" in text
    assert (FILES / "browser.sh").exists()
    assert text.count("USER 61417:61417") == 2, "nobody is root in either image"
