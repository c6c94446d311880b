"""Fixtures that tests of several parts share."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.docker_engine import running_engine
from tests.support.driver import PageDriver, opened_driver
from tests.support.site import Site, running_site


@pytest.fixture
async def page_driver() -> AsyncIterator[PageDriver]:
    """A page of a real browser with frames, 1280x720, not navigated yet. Mark the test `e2e`."""
    async with opened_driver() as driver:
        yield driver


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A web site of the test's own on a free port."""
    async with running_site() as running:
        yield running


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[None]:
    """Docker with carga's images. Mark the test `quiet`, and give the first of a session half an hour."""
    with running_engine():
        yield
