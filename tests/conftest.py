"""Fixtures that tests of several parts share."""

from collections.abc import AsyncIterator

import pytest

from tests.support.driver import PageDriver, opened_driver


@pytest.fixture
async def page_driver() -> AsyncIterator[PageDriver]:
    """A page of a real browser with frames, 1280x720, not navigated yet. Mark the test `e2e`."""
    async with opened_driver() as driver:
        yield driver
