"""Addresses of played runs, for tests with a real browser."""

from collections.abc import AsyncIterator

import pytest

from tests.dashboard.fake_run import FakeRun
from tests.dashboard.feed import served


@pytest.fixture
def run() -> FakeRun:
    """In its middle: 5,000 users run, a worker was lost a while ago."""
    return FakeRun(elapsed_s=300, interval_s=0.2)


@pytest.fixture
async def address(run: FakeRun) -> AsyncIterator[str]:
    async with served(run) as url:
        yield url
