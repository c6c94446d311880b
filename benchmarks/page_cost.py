"""What the page runtime costs: the same pages with and without it, driven alike. `python -m benchmarks.page_cost [N]`.

Opens N users twice in one browser without frames. Each gets a key press a second, to which its page answers with a
request and a change of the document. Prints CPU (% of a core) and memory (MB, PSS) of the browser's processes for each
user, their ratios, and what Python spends on a press with its batch.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psutil

from carga.engines.chromium.browser import ChromiumBrowser, ChromiumEngine
from carga.engines.engine import PageSettings
from tests.support.site import Site, running_site
from tests.support.user import HeardUser, start_user

USERS = 20
SETTLE_S = 3.0
MEASURE_S = 15.0
KEY = b'"key":"ArrowDown","code":"ArrowDown","windowsVirtualKeyCode":40'
PAGE = """<ul id=list></ul><script>
addEventListener("keydown", async () => {
  const { answer } = await (await fetch("/json")).json();
  const item = document.createElement("li"); item.textContent = answer; list.append(item);
  if (list.children.length > 20) list.firstChild.remove();
});
</script>"""
BEHAVIOUR = """export default async (user) => {
  await user.step("press", async () => {
    const last = list.lastChild;
    await user.press("ArrowDown");
    await user.waitFor(() => list.lastChild !== last);
  });
}"""


class Deaf:
    """Hears nothing of its page."""

    def on_batch(self, payload: str, document: int) -> None: ...

    def on_network_error(self, url: str, text: str) -> None: ...

    def on_count(self, counter: str) -> None: ...

    def on_lost(self, reason: str) -> None: ...


def processes(pid: int) -> list[psutil.Process]:
    return [one for one in psutil.process_iter() if _group(one.pid) == pid]


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def cpu_s(pid: int) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in processes(pid))


def memory_mb(pid: int) -> float:
    return sum(one.memory_full_info().pss for one in processes(pid)) / 2**20


async def cost(browser: ChromiumBrowser, users: int) -> dict[str, float]:
    await asyncio.sleep(SETTLE_S)
    cpu, own, begun = cpu_s(browser.pid), time.process_time(), time.monotonic()
    await asyncio.sleep(MEASURE_S)
    elapsed = time.monotonic() - begun
    return {
        "cpu": (cpu_s(browser.pid) - cpu) / elapsed * 100 / users,
        "mb": memory_mb(browser.pid) / users,
        "own": (time.process_time() - own) / elapsed * 100 / users,
    }


async def bare(browser: ChromiumBrowser, site: Site, users: int) -> None:
    pages = []
    for _ in range(users):
        page = await browser.open_page(PageSettings(script="", binding="_"), Deaf())
        await page.navigate(site.url + "/")
        pages.append(page)

    async def press(page: Any) -> None:
        while not browser.closed.is_set():
            page.input("key", b'{"type":"rawKeyDown",%s}' % KEY)
            page.input("key", b'{"type":"keyUp",%s}' % KEY)
            await asyncio.sleep(1)

    for page in pages:
        browser.pressing = [*getattr(browser, "pressing", []), asyncio.create_task(press(page))]  # type: ignore[attr-defined]


async def measured(browser: ChromiumBrowser, site: Site, users: int) -> list[HeardUser]:
    return [await start_user(browser, site.url + "/", BEHAVIOUR, index=i, pace_s=1.0) for i in range(users)]


async def one(users: int, prepare: Callable[[ChromiumBrowser, Site, int], Awaitable[Any]]) -> dict[str, float]:
    async with running_site() as site:
        site.page("/", PAGE)
        browser = await ChromiumEngine().open_browser("none")
        try:
            kept = await prepare(browser, site, users)
            figures = await cost(browser, users)
            del kept
            return figures
        finally:
            await browser.close()


async def main(users: int) -> None:
    floor = await one(users, bare)
    runtime = await one(users, measured)
    print(f"{users} users, a key press a second, rendering none; per user:")
    for key, words in (("cpu", "browser, % of a core"), ("mb", "browser, MB"), ("own", "python and server, %")):
        ratio = runtime[key] / floor[key] if floor[key] else 0
        print(f"  {words:24} without {floor[key]:8.3f}   with {runtime[key]:8.3f}   ratio {ratio:5.2f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else USERS))
