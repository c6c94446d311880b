"""A missing part of WebKitGTK, or an old one, is told with the way to get it."""

import shutil
from pathlib import Path

import pytest

from carga.engines.webkit import find
from carga.engines.webkit.find import find_webkit
from carga.errors import BrowserMissing


@pytest.fixture(autouse=True)
def _forget() -> None:
    find_webkit.cache_clear()


@pytest.mark.parametrize("missing", ["WebKitWebDriver", "Xvfb"])
def test_a_missing_program_is_named_with_the_packages(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    which = shutil.which
    monkeypatch.setattr(find.shutil, "which", lambda name: None if name == missing else which(name))
    with pytest.raises(BrowserMissing, match=f"{missing} is missing") as raised:
        find_webkit()
    assert "apt-get install webkit2gtk-driver xvfb" in raised.value.remedy
    assert "carga browsers install webkit" in raised.value.remedy


def test_a_browser_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(find.ENVIRONMENT, str(tmp_path / "none"))
    with pytest.raises(BrowserMissing, match="MiniBrowser is missing"):
        find_webkit()


@pytest.mark.parametrize(("version", "words"), [("2.38.1", "is version 2.38.1, older than 2.50"), (None, "not tell")])
def test_an_old_version_is_refused(monkeypatch: pytest.MonkeyPatch, version: str | None, words: str) -> None:
    monkeypatch.setattr(find, "_version", lambda: version)
    with pytest.raises(BrowserMissing, match=words):
        find_webkit()


def test_the_library_tells_its_version() -> None:
    assert find_webkit().version.count(".") == 2
