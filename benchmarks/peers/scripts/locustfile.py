"""Locust with locust-plugins' PlaywrightUser: one task is one session that never ends.

Runs in the peers' own environment, so it imports nothing of carga.
"""

import asyncio
import json
import os
import random
import time
import uuid
from itertools import count
from pathlib import Path

from locust import events, task
from locust_plugins.users.playwright import PlaywrightUser, event, pw
from playwright.async_api import BrowserType

PACE_S = 1.0
URL = os.environ["PEER_URL"]
launch = BrowserType.launch


async def launch_same_browser(self, *, headless=None, **_):
    """The plugin fixes its channel and flags; the comparison wants the same browser and flags for all."""
    flags = json.loads(os.environ["PEER_FLAGS"])
    return await launch(self, headless=headless, executable_path=os.environ["PEER_CHROMIUM"], args=flags)


BrowserType.launch = launch_same_browser
numbers = count()


class Viewer(PlaywrightUser):
    def __init__(self, parent):
        per_browser, users = int(os.environ["PEER_MULTIPLIER"]), int(os.environ["PEER_USERS"])
        self.multiplier = min(per_browser, users - per_browser * next(numbers))
        super().__init__(parent)

    @task
    @pw
    async def act(self, page):
        await page.goto(f"{URL}?user={uuid.uuid4()}")
        await page.locator('body[data-shown="0"]').wait_for(state="attached")
        await asyncio.sleep(random.random() * PACE_S)
        due = time.monotonic()
        for number in count(1):
            async with event(self, "press"):
                await page.keyboard.press("ArrowDown")
                await page.locator(f'body[data-shown="{number}"]').wait_for(state="attached")
            due += PACE_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))


@events.init.add_listener
def keep_own(environment, **_):
    own = Path(os.environ["PEER_OWN"]).open("w", buffering=1)  # noqa: SIM115 - open until the end

    @events.request.add_listener
    def keep(name, response_time, **_):
        if name == "press":
            own.write(f"{time.time() * 1000:.0f} {response_time}\n")
