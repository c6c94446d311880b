import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from carga.cli.app import main
from carga.doctor import checks, install
from carga.doctor.capacity import UserCost, built_in_cost, estimate
from carga.doctor.install import InstallFailed, install_chromium, is_debian_like
from carga.engines.chromium.find import find_chromium
from carga.engines.firefox.find import find_firefox
from carga.engines.webkit.find import find_webkit
from carga.model.engines import ENGINES, BrowserKind
from tests.support import without_namespaces

COST = UserCost("test", cores=0.01, memory_mb=50)


@pytest.fixture(autouse=True)
def _forget_found_browsers() -> None:
    find_chromium.cache_clear()


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CARGA_CHROMIUM", str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("cores", "memory_mb", "fds", "users", "limited_by"),
    [
        (2, 1e6, 10**6, 160, "CPU"),
        (100, 1000, 10**6, 17, "memory"),
        (100, 1e6, 1024, 32, "open files"),
        (100, 1e6, 100, 0, "open files"),
    ],
)
def test_the_scarcest_resource_limits_the_users(
    cores: int, memory_mb: float, fds: int, users: int, limited_by: str
) -> None:
    capacity = estimate(COST, cores=cores, memory_mb=memory_mb, fds=fds)
    assert (capacity.users, capacity.limited_by) == (users, limited_by)


def test_frames_cost_more_than_none() -> None:
    none, full = (built_in_cost(BrowserKind("chromium", "context", rendering)) for rendering in ("none", "full"))
    assert none is not None
    assert full is not None
    assert full.cores > none.cores
    assert full.memory_mb > none.memory_mb


def test_few_open_files_are_a_warning_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    check = checks.open_files()
    assert check.state == "warning"
    assert "ulimit" in check.remedy
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert checks.open_files().state == "ok"


@pytest.mark.usefixtures("no_browser")
def test_without_a_browser_doctor_says_what_to_do_and_exits_with_4(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 4
    shown = capsys.readouterr().out
    assert "carga browsers install" in shown
    assert "No user can run here." in shown
    assert main(["doctor", "--json"]) == 4
    diagnosis = json.loads(capsys.readouterr().out)
    assert diagnosis["usable"] is False
    assert diagnosis["capacity"] == []
    assert {engine["engine"]: engine["lacks"] for engine in diagnosis["engines"]} == {
        name: traits.lacks for name, traits in ENGINES.items()
    }


@pytest.mark.e2e
def test_with_a_browser_doctor_tries_it_and_estimates_users(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    diagnosis = json.loads(capsys.readouterr().out)
    assert [check["name"] for check in diagnosis["checks"]] == [
        *("browser", "sandbox", "open files", "/dev/shm", "disk", "cores", "memory", "docker"),
    ]
    assert all(capacity["users"] > 0 for capacity in diagnosis["capacity"])
    assert main(["browsers", "list"]) == 0


@pytest.mark.e2e
def test_where_namespaces_are_forbidden_doctor_says_that_the_sandbox_is_off() -> None:
    done = subprocess.run(
        [sys.executable, without_namespaces.__file__, sys.executable, "-m", "carga", "doctor", "--json"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    diagnosis = json.loads(done.stdout)
    assert diagnosis["usable"]
    found = {check["name"]: check for check in diagnosis["checks"]}["sandbox"]
    assert found["state"] == "warning"
    assert "user namespaces" in found["finding"]


@pytest.mark.usefixtures("no_browser")
def test_browsers_list_without_one_exits_with_4(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carga.doctor.engines.ENGINES", {"chromium": ENGINES["chromium"]})
    assert main(["browsers", "list", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "browser-missing"


@pytest.mark.parametrize(
    ("os_release", "expected"),
    [
        ("ID=debian\n", True),
        ("ID=ubuntu\nID_LIKE=debian\n", True),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', True),
        ('ID="fedora"\n', False),
        ("", False),
    ],
)
def test_systems_with_debian_packages_are_known(os_release: str, expected: bool) -> None:
    assert is_debian_like(os_release) is expected


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have been run; nothing is."""
    run: list[list[str]] = []

    def remember(command: list[str], *, must: bool = True, otherwise: str = "") -> bool:
        run.append(command)
        return True

    monkeypatch.setattr(install, "_run", remember)
    return run


@pytest.mark.usefixtures("no_browser")
def test_on_debian_without_root_the_command_for_root_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, commands: list[list[str]]
) -> None:
    release = tmp_path / "os-release"
    release.write_text("ID=debian\n")
    monkeypatch.setattr(install, "OS_RELEASE", release)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(InstallFailed, match="sudo apt-get install") as caught:
        install_chromium(ask=False)
    assert caught.value.exit_code == 4
    assert [command[0] for command in commands] == ["apt-cache"]


@pytest.mark.usefixtures("no_browser")
def test_on_debian_root_installs_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, commands: list[list[str]]
) -> None:
    release = tmp_path / "os-release"
    release.write_text("ID=debian\n")
    monkeypatch.setattr(install, "OS_RELEASE", release)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(InstallFailed, match="CARGA_CHROMIUM"):  # nothing was installed for real
        install_chromium(ask=False)
    assert commands[-1][:2] == ["apt-get", "install"]
    assert commands[-1][-1] == "chromium-headless-shell"


@pytest.mark.usefixtures("no_browser")
@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ("playwright", ["/usr/bin/playwright", "install", "--only-shell", "chromium"]),
        ("npx", ["/usr/bin/npx", "--yes", "playwright", "install", "--only-shell", "chromium"]),
    ],
)
def test_elsewhere_playwrights_installer_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, commands: list[list[str]], there: str, expected: list[str]
) -> None:
    monkeypatch.setattr(install, "OS_RELEASE", tmp_path / "none")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}" if name == there else None)
    with pytest.raises(InstallFailed, match="install-deps"):  # the download was not real
        install_chromium(ask=False)
    assert commands == [expected]


@pytest.mark.usefixtures("no_browser")
@pytest.mark.parametrize("os_release", ["ID=ubuntu\n", "ID=fedora\n", ""])
def test_where_nothing_can_install_it_the_ways_out_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, commands: list[list[str]], os_release: str
) -> None:
    release = tmp_path / "os-release"
    release.write_text(os_release)
    monkeypatch.setattr(install, "OS_RELEASE", release)
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(InstallFailed, match="pip install playwright") as caught:
        install_chromium(ask=False)
    assert "CARGA_CHROMIUM" in caught.value.remedy
    assert commands == []


@pytest.mark.usefixtures("no_browser")
def test_a_failed_command_is_shown_with_the_ways_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "npx"
    broken.write_text("#!/bin/sh\necho no network >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(install, "OS_RELEASE", tmp_path / "none")
    monkeypatch.setattr("shutil.which", lambda name: str(broken) if name == "npx" else None)
    with pytest.raises(InstallFailed, match="no network") as caught:
        install_chromium(ask=False)
    assert "CARGA_CHROMIUM" in caught.value.remedy


@pytest.mark.parametrize(
    ("installer", "variable", "packages"),
    [
        (install.install_firefox, "CARGA_FIREFOX", ["firefox-esr"]),
        (install.install_webkit, "CARGA_WEBKIT", ["webkit2gtk-driver", "xvfb"]),
    ],
)
def test_the_other_engines_come_from_packages(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    commands: list[list[str]],
    installer: Callable[..., None],
    variable: str,
    packages: list[str],
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "none"))
    release = tmp_path / "os-release"
    monkeypatch.setattr(install, "OS_RELEASE", release)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    find_firefox.cache_clear()
    find_webkit.cache_clear()
    with pytest.raises(InstallFailed, match="no package"):
        installer(ask=False)
    release.write_text("ID=debian\n")
    with pytest.raises(InstallFailed, match="of no use"):  # nothing was installed for real
        installer(ask=False)
    assert commands[-1][:2] == ["apt-get", "install"]
    assert commands[-1][-len(packages) :] == packages
    find_firefox.cache_clear()
    find_webkit.cache_clear()
