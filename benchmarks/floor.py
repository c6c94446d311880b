"""The floor: the same browsers, users and key presses as carga's, driven by as little as can be, nothing measured.

    python -m benchmarks.floor URL --users 100 --per-browser 50 [--asked]

Opens the users, prints "ready" when all have loaded, then presses a key a second for each until it is ended. With
`--asked` a timer in each page asks for the key: the least that anything costs in which the page decides when to act.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from carga.engines.chromium.browser import FLAGS, ON_REQUEST_FLAGS
from carga.engines.chromium.find import find_chromium
from carga.engines.chromium.sandbox import detect

KEYS = (("ArrowDown", 40), ("ArrowUp", 38))
OPENING_MAX = 6
ASK = """addEventListener("load", () => { let due = performance.now() + 2000 + 1000 * Math.random();
  const wait = () => setTimeout(() => (ask(""), wait()), (due += 1000) - performance.now()); wait(); })"""


class Browser:
    def __init__(self) -> None:
        self.profile = Path(tempfile.mkdtemp(prefix="floor-"))
        sandbox = detect()
        sandbox.give(self.profile)
        down, self.commands = os.pipe()
        self.answers, up = os.pipe()
        os.set_inheritable(down, True)
        os.set_inheritable(up, True)
        argv = [
            *sandbox.launcher(), str(find_chromium().path), "--remote-debugging-pipe",
            f"--user-data-dir={self.profile}", *sandbox.flags(), *FLAGS, *ON_REQUEST_FLAGS, "about:blank",
        ]  # fmt: skip
        shell = ["/bin/bash", "-c", f'exec 3<&{down} 4>&{up} {down}<&- {up}>&-; exec "$@" 2>/dev/null', "floor", *argv]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.profile)}
        self.pid = os.posix_spawn("/bin/bash", shell, environment, setpgroup=0)
        os.close(down)
        os.close(up)
        self.waiting: dict[int, asyncio.Future[dict]] = {}
        self.last = 0
        self.asked: dict[str, bool] = {}
        self.rest = b""
        asyncio.get_running_loop().add_reader(self.answers, self.read)

    def read(self) -> None:
        *messages, self.rest = (self.rest + os.read(self.answers, 1 << 20)).split(b"\0")
        for message in messages:
            if message.startswith(b'{"id":'):
                number = int(message[6 : message.index(b",")])
                if (future := self.waiting.pop(number, None)) is not None:
                    future.set_result(json.loads(message).get("result", {}))
            elif message.startswith(b'{"method":"Runtime.bindingCalled"'):
                session = json.loads(message)["sessionId"]
                self.asked[session] = not self.asked.get(session)
                self.press(KEYS[self.asked[session]], session)

    def post(self, method: str, params: dict, session: str = "") -> int:
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        message |= {"sessionId": session} if session else {}
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        return self.last

    def press(self, stroke: tuple[str, int], session: str) -> None:
        key, code = stroke
        for kind in ("rawKeyDown", "keyUp"):
            event = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
            self.post("Input.dispatchKeyEvent", event, session)

    async def call(self, method: str, params: dict, session: str = "") -> dict:
        future = asyncio.get_running_loop().create_future()
        self.waiting[self.post(method, params, session)] = future
        return await future

    async def close_empty_page(self) -> None:
        """It would draw 60 frames a second for nobody."""
        for target in (await self.call("Target.getTargets", {}))["targetInfos"]:
            self.post("Target.closeTarget", {"targetId": target["targetId"]})

    def end(self) -> None:
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        shutil.rmtree(self.profile, ignore_errors=True)


async def open_user(browser: Browser, url: str, index: int, asked: bool) -> str:
    context = (await browser.call("Target.createBrowserContext", {}))["browserContextId"]
    size = {"width": 1280, "height": 720, "enableBeginFrameControl": True}
    target = await browser.call("Target.createTarget", {"url": "about:blank", "browserContextId": context, **size})
    attached = await browser.call("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
    session = attached["sessionId"]
    agent = f"serial=FAKE_{index:020d};mac=00:00:00:00:{index // 256:02X}:{index % 256:02X};"
    await browser.call("Emulation.setUserAgentOverride", {"userAgent": agent}, session)
    if asked:
        await browser.call("Runtime.enable", {}, session)
        await browser.call("Page.enable", {}, session)
        await browser.call("Runtime.addBinding", {"name": "ask"}, session)
        await browser.call("Page.addScriptToEvaluateOnNewDocument", {"source": ASK}, session)
    await browser.call("Page.navigate", {"url": url}, session)
    ready = {"expression": "document.body && document.body.dataset.ready === '1'", "returnByValue": True}
    while not (await browser.call("Runtime.evaluate", ready, session)).get("result", {}).get("value"):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    return session


async def press(browser: Browser, session: str) -> None:
    await asyncio.sleep(random.random())
    due = asyncio.get_running_loop().time()
    while True:
        for stroke in KEYS:
            browser.press(stroke, session)
            await asyncio.sleep(max(0.0, (due := due + 1.0) - asyncio.get_running_loop().time()))


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--per-browser", type=int, default=50)
    parser.add_argument("--asked", action="store_true")
    options = parser.parse_args()
    browsers = [Browser() for _ in range(-(-options.users // options.per_browser))]
    try:
        await asyncio.gather(*(browser.close_empty_page() for browser in browsers))
        limit = asyncio.Semaphore(OPENING_MAX)

        async def opened(index: int) -> tuple[Browser, str]:
            async with limit:
                browser = browsers[index // options.per_browser]
                return browser, await open_user(browser, options.url, index, options.asked)

        users = await asyncio.gather(*(opened(index) for index in range(options.users)))
        _ = [asyncio.create_task(press(*user)) for user in users if not options.asked]
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    finally:
        for browser in browsers:
            browser.end()


asyncio.run(main())
