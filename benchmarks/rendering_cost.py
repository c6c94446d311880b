"""What a user costs in each rendering: `python -m benchmarks.rendering_cost [N]`.

Opens N users of four kinds in one browser, in each rendering: the demo's guide with a key press a second, a page in
which nothing happens, one with an endless animation, and an application that draws with requestAnimationFrame for ever.
Prints milliseconds of CPU a second and user (10 ms: 1 % of a core) by process, and the frames that a user was given on
request a second.
"""

import asyncio
import os
import sys
import time
from collections import Counter

import psutil

from carga.demo import start
from carga.engines.chromium.browser import ChromiumBrowser, ChromiumEngine
from carga.model.plan import Rendering
from tests.support.site import running_site
from tests.support.user import start_user

USERS = 12
SETTLE_S = 5.0
MEASURE_S = 15.0
RENDERINGS: tuple[Rendering, ...] = ("none", "paced", "full")
PRESS = """export default (user) =>
  user.step("press", () => user.press(user.iteration % 2 ? "ArrowDown" : "ArrowRight"))"""
IDLE = "<h1>idle</h1>"
SPINNER = """<style>
@keyframes turn { to { transform: rotate(360deg) } }
.spinner { width: 40px; height: 40px; border: 4px solid red; border-top-color: blue }
.spinner { animation: turn 1s linear infinite }
</style><h1>please wait</h1><div class=spinner></div>"""
LOOP = """<h1 id=head></h1><script>
let drawn = 0;
const draw = () => { head.textContent = ++drawn; requestAnimationFrame(draw); };
draw();
</script>"""


def cpu_ms(browser: ChromiumBrowser) -> Counter[str]:
    used: Counter[str] = Counter()
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) != browser.pid:
                continue
            words = process.cmdline()
            kind = next((word.removeprefix("--type=") for word in words if word.startswith("--type=")), "browser")
            used[kind] += round(sum(process.cpu_times()[:2]) * 1000)
        except (ProcessLookupError, psutil.Error):
            continue
    return used


async def cost(name: str, url: str, rendering: Rendering, users: int, behaviour: str) -> None:
    browser = await ChromiumEngine().open_browser(rendering)
    try:
        for index in range(users):
            agent = f"serial=FAKE_{index:020d};mac=00:00:00:00:00:{index:02X};"
            await start_user(browser, url, behaviour, index=index, pace_s=1.0, rendering=rendering, user_agent=agent)
        await asyncio.sleep(SETTLE_S)
        before, own, begun = cpu_ms(browser), time.process_time(), time.monotonic()
        frames = browser.frames_given
        await asyncio.sleep(MEASURE_S)
        after, elapsed = cpu_ms(browser), time.monotonic() - begun
        parts = {kind: (after[kind] - before[kind]) / elapsed / users for kind in after}
        parts["python"] = (time.process_time() - own) * 1000 / elapsed / users
        figures = "  ".join(f"{kind} {ms:.2f}" for kind, ms in parts.items() if ms > 0.005)
        given = (browser.frames_given - frames) / elapsed / users
        print(f"{name:8} {rendering:6} {sum(parts.values()):6.2f} ms/s  frames {given:5.2f}/s  {figures}", flush=True)
    finally:
        await browser.close()


async def main(users: int) -> None:
    async with running_site() as site:
        pages = {"idle": IDLE, "spinner": SPINNER, "loop": LOOP}
        for name, html in pages.items():
            site.page(f"/{name}", html)
        with start() as demo:
            for rendering in RENDERINGS:
                await cost("guide", f"{demo.url}guide/", rendering, users, PRESS)
                for name in pages:
                    await cost(name, f"{site.url}/{name}", rendering, users, "")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else USERS))
