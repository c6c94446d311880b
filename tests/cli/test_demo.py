import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from carga.cli import demo_server
from carga.cli.demo_server import DemoServer, adapt_plan
from carga.errors import CargaError, UsageError
from carga.plans import load_plan
from tests.places.helpers import alive, python
from tests.support import without_namespaces

URL = "http://127.0.0.1:4711/"
PLAN = """\
[target]
url = "http://127.0.0.1:8000/epg/?a=1"  # the guide

[[users]]
name = "viewers"
count = 30
behaviour = "zapper.js"

[[users]]
name = "watchers"
count = 10

[[load]]
users = 40
over = "10s"

[[load]]
users = 40
over = "50s"

[[load]]
users = 0
over = "0s"
"""


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bundled"
    folder.mkdir()
    (folder / "zapper.js").write_text("export default async function () {}")
    plan = folder / "plan.toml"
    plan.write_text(PLAN)
    monkeypatch.setattr(demo_server, "PLAN", plan)
    return plan


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    directory = tmp_path / "copy"
    directory.mkdir()
    return directory


@pytest.mark.usefixtures("bundled")
def test_the_plan_is_pointed_to_the_server_and_else_left_as_it_is(copy: Path) -> None:
    plan = adapt_plan(copy, url=URL, users=None, seconds=None)
    assert plan.read_text() == PLAN.replace("http://127.0.0.1:8000/", URL)
    assert load_plan(plan).plan.target.url == "http://127.0.0.1:4711/epg/?a=1"


@pytest.mark.usefixtures("bundled")
def test_users_and_times_are_scaled_alike(copy: Path) -> None:
    plan = load_plan(adapt_plan(copy, url=URL, users=8, seconds=6)).plan
    assert [group.count for group in plan.groups] == [6, 2]
    assert [stage.users for stage in plan.stages] == [8, 8, 0]
    assert [stage.over_s for stage in plan.stages] == [1.0, 5.0, 0.0]
    assert tomllib.loads((copy / "demo.toml").read_text())["users"][0]["name"] == "viewers"


@pytest.mark.usefixtures("bundled")
@pytest.mark.parametrize(("users", "seconds"), [(0, None), (5001, None), (None, 0), (None, 86_401)])
def test_impossible_sizes_are_refused(copy: Path, users: int | None, seconds: int | None) -> None:
    with pytest.raises(UsageError):
        adapt_plan(copy, url=URL, users=users, seconds=seconds)


def server(code: str) -> DemoServer:
    started = DemoServer(port=0, ills=())
    started._command = list(python(code))
    return started


def test_a_server_serves_as_long_as_its_context() -> None:
    code = f"import json, time; print(json.dumps({{'url': {URL!r}, 'more': 1}}), flush=True); time.sleep(600)"
    with server(code) as serving:
        assert serving.url == URL
        pid = serving._process.pid
        assert alive(pid)
    assert not alive(pid)


def test_a_server_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with DemoServer(port=0, ills=()):
        assert list(tmp_path.rglob("*"))
    assert not list(tmp_path.iterdir())


def test_a_server_that_does_not_start_tells_why() -> None:
    with pytest.raises(UsageError) as caught, server("raise SystemExit('no illness \"plague\"')"):
        pass
    assert caught.value.remedy == 'no illness "plague"'


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_server, "START_TIMEOUT_S", 0.2)
    with pytest.raises(CargaError, match="in time"), server("import time; time.sleep(600)"):
        pass


def test_what_concerns_the_server_is_handed_to_it() -> None:
    command = DemoServer(port=7, ills=("few-sockets", "slow-database=200"), seed=3, leak_cap_mb=9)._command
    assert command[3:] == [
        *("--host", "127.0.0.1", "--port", "7", "--seed", "3", "--leak-cap-mb", "9"),
        *("--ill", "few-sockets", "--ill", "slow-database=200"),
    ]
    assert DemoServer(port=7, ills=())._command[3:] == ["--host", "127.0.0.1", "--port", "7"]


@pytest.mark.e2e
def test_where_namespaces_are_forbidden_the_demo_runs_and_says_that_the_sandbox_is_off(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, without_namespaces.__file__, sys.executable, "-m", "carga", "demo"),
            *("--users", "1", "--seconds", "3", "--json", "--out", str(tmp_path / "out")),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    first, second, *_ = done.stderr.splitlines()
    assert first.startswith("carga run  demo plan: 1 user,")
    assert "without their sandbox" in second
    assert done.stderr.count("without their sandbox") == 1
    assert json.loads(done.stdout)["users"]["started"] == 1
