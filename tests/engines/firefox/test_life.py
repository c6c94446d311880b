"""Browsers and pages of Firefox begin, end and break; nothing stays behind."""

from pathlib import Path

import msgspec
import psutil
import pytest

from carga.engines.firefox import browser as browser_module
from carga.engines.firefox.browser import FirefoxBrowser, FirefoxEngine
from carga.engines.firefox.find import find_firefox
from carga.errors import BrowserFailed
from tests.engines import checks
from tests.support.site import Site

pytestmark = pytest.mark.e2e


def runs_pages(process: psutil.Process) -> bool:
    return "-isForBrowser" in process.cmdline()


async def test_a_closed_browser_leaves_no_process_and_no_profile() -> None:
    await checks.closed_browser_leaves_nothing(await FirefoxEngine().open_browser("full"))


async def test_a_killed_browser_says_why_and_leaves_nothing(browser: FirefoxBrowser) -> None:
    await checks.killed_browser_says_so_and_leaves_nothing(browser)


async def test_kill_ends_all_processes_at_once(browser: FirefoxBrowser) -> None:
    await checks.kill_ends_all_at_once(browser)


async def test_a_page_whose_process_crashes_is_told_once(browser: FirefoxBrowser, site: Site) -> None:
    await checks.lost_page_is_told_once(browser, site, runs_pages)


async def test_navigation_tells_the_networks_error_in_the_words_of_every_engine(
    browser: FirefoxBrowser, site: Site
) -> None:
    await checks.navigation_tells_the_networks_error(browser, site, empty="net::ERR_CONNECTION_RESET")


async def test_the_script_runs_before_the_pages_own_and_in_every_document(browser: FirefoxBrowser, site: Site) -> None:
    await checks.the_script_runs_first_and_in_every_document(browser, site)


async def test_an_exception_in_a_call_is_the_pages_failure(browser: FirefoxBrowser, site: Site) -> None:
    await checks.an_exception_is_the_pages_failure(browser, site)


async def test_dialogs_do_not_hang_a_page(browser: FirefoxBrowser, site: Site) -> None:
    await checks.dialogs_do_not_hang_a_page(browser, site)


async def test_a_script_is_compiled_and_not_run(browser: FirefoxBrowser) -> None:
    await checks.a_script_is_compiled_and_not_run(browser)


async def test_keys_and_clicks_are_the_browsers_own(browser: FirefoxBrowser, site: Site) -> None:
    await checks.keys_and_clicks_are_trusted(browser, site)


async def test_pictures_are_jpegs_of_the_page(browser: FirefoxBrowser, site: Site) -> None:
    await checks.pictures_are_jpegs(browser, site)


async def test_frames_are_drawn(browser: FirefoxBrowser, site: Site) -> None:
    await checks.frames_and_timers_run(browser, site)


async def test_nothing_is_left_of_a_browser_that_does_not_start(own_profiles: Path) -> None:
    program = own_profiles / "program"
    program.write_text("#!/bin/sh\necho no such display >&2\nexit 3\n")
    program.chmod(0o755)
    info = msgspec.structs.replace(find_firefox(), path=program)
    with pytest.raises(BrowserFailed, match=r"(?s)did not start: .*no such display"):
        await FirefoxEngine(info).open_browser("full")
    assert not checks.profiles()


async def test_a_browser_that_hangs_at_its_start_is_given_up(
    monkeypatch: pytest.MonkeyPatch, own_profiles: Path
) -> None:
    program = own_profiles / "program"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(browser_module, "START_TIMEOUT_S", 1.0)
    info = msgspec.structs.replace(find_firefox(), path=program)
    with pytest.raises(BrowserFailed, match="did not start within 1 s"):
        await FirefoxEngine(info).open_browser("full")
    assert not checks.profiles()
