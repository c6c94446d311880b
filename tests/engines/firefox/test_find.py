"""A missing or old Firefox is told with the way to get one."""

from pathlib import Path

import pytest

from carga.engines.firefox import find
from carga.engines.firefox.find import find_firefox
from carga.errors import BrowserMissing


@pytest.fixture(autouse=True)
def _forget() -> None:
    find_firefox.cache_clear()


def program(folder: Path, says: str) -> Path:
    path = folder / "firefox"
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_without_firefox_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(find.ENVIRONMENT, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BrowserMissing, match="No usable Firefox") as raised:
        find_firefox()
    assert "apt-get install firefox-esr" in raised.value.remedy
    assert "carga browsers install firefox" in raised.value.remedy


def test_an_old_firefox_is_refused_with_its_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(find.ENVIRONMENT, str(program(tmp_path, "Mozilla Firefox 115.2.0esr")))
    with pytest.raises(BrowserMissing, match=r"is version 115\.2\.0esr, older than 153"):
        find_firefox()


def test_the_version_is_read_beside_the_browser_or_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = program(tmp_path, "Mozilla Firefox 160.1")
    monkeypatch.setenv(find.ENVIRONMENT, str(path))
    assert find_firefox().version == "160.1"
    (tmp_path / "application.ini").write_text("[App]\nVersion=161.0\n")
    find_firefox.cache_clear()
    assert find_firefox().version == "161.0"


def test_what_is_no_firefox_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(find.ENVIRONMENT, str(program(tmp_path, "hello")))
    with pytest.raises(BrowserMissing, match="does not tell its version"):
        find_firefox()
