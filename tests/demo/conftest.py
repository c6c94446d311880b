from collections.abc import Iterator

import httpx2
import pytest

from carga.demo import Demo, start
from tests.demo.viewers import user_agent


@pytest.fixture(scope="module")
def shared_demo() -> Iterator[Demo]:
    with start(clock_s=0.2) as demo:
        yield demo


@pytest.fixture
def demo(shared_demo: Demo) -> Demo:
    """A healthy server whose counts begin anew with each test."""
    shared_demo.reset()
    return shared_demo


@pytest.fixture
def box(demo: Demo) -> Iterator[httpx2.Client]:
    """The HTTP side of viewer 1."""
    with httpx2.Client(base_url=demo.url, headers={"User-Agent": user_agent(1)}) as client:
        yield client
