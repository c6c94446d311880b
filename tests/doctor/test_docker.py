"""What `carga doctor` says of Docker."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from carga.cli import main
from carga.containers.owner import OWNER_LABEL, Owner
from carga.doctor.docker import docker_engine as check
from carga.images import browser_image, worker_image
from tests.support.docker_engine import containers, docker


def test_a_machine_without_docker_is_well_and_told_what_it_cannot_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = check()
    assert (found.state, found.finding) == ("ok", "no users in containers here: Docker is not installed.")
    assert "apt-get install docker.io" in found.remedy


@pytest.mark.e2e
@pytest.mark.quiet
@pytest.mark.timeout(1800)  # the first of a session may install Docker and build images
@pytest.mark.usefixtures("docker_engine")
class TestWithDocker:
    def test_engine_and_images_are_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = check()
        assert found.state == "ok"
        assert browser_image() in found.finding
        assert worker_image() in found.finding
        monkeypatch.setenv("CARGA_IMAGE_TAG", "nowhere")
        assert "carga image build" in check().remedy

    def test_what_killed_runs_have_left_is_removed_and_others_containers_are_not(self) -> None:
        of_dead = msgspec.structs.replace(Owner.this(), started=1)
        made = [
            docker("create", "--label", f"{OWNER_LABEL}={owner}", browser_image()) for owner in (of_dead, Owner.this())
        ]
        try:
            assert "removed what killed runs had left (1)" in check().finding
            assert len(containers()) == 1
        finally:
            docker("rm", "--force", *made, must=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--apt", "/nowhere"), "/etc/apt"),
        (("--engine", "firefox"), "No image has the engine firefox"),
    ],
)
def test_an_image_that_cannot_be_built_is_refused_at_once(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    assert main(["image", "build", *options]) == 2
    assert words in capsys.readouterr().err


def test_without_mmdebstrap_the_base_is_not_made_and_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["image", "base"]) == 1
    assert "apt-get install mmdebstrap" in capsys.readouterr().err


def test_building_without_docker_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "carga", "image", "build"],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert "Docker is not installed." in done.stderr
