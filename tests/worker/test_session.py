"""A session makes windows of what its page says; the page here says what the test wants."""

import asyncio
import json
import random
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.engines.engine import PageSettings
from carga.engines.fake import FakePage
from carga.errors import PageFailed
from carga.model.windows import Gauges, Window
from carga.page.bundle import Names
from carga.wire.messages import UserSpec
from carga.worker import session as module
from carga.worker.batch import read_batch
from carga.worker.collector import Collector
from carga.worker.session import Session, SessionEvents

SPEC = UserSpec(3, 0, 1, "http://127.0.0.1/", {"serial": "S3"})


class Stage(SessionEvents):
    def __init__(self) -> None:
        self.now = 0.0
        self.heard: list[tuple[str, str]] = []
        self.collector = Collector("w")
        self.work: list[Coroutine[Any, Any, None]] = []
        names = Names("b", "control")
        self.session = Session(SPEC, names, self.collector, self, self.work.append, lambda: self.now, browser=1)
        self.page = FakePage(PageSettings(script="", binding="b"), self.session, random.Random(1), 1.0)
        self.session.page = self.page

    def say(self, **batch: Any) -> None:
        self.session.on_batch(json.dumps(batch), 5)

    def start(self, url: str = "http://127.0.0.1/") -> None:
        self.say(h={"url": url})

    def told(self) -> dict[str, Any]:
        """What the worker told the last document."""
        expression = self.page.evaluated[-1]
        assert expression.startswith("window.control.begin(")
        return dict(json.loads(expression[len("window.control.begin(") : -1]))

    def window(self) -> Window:
        return self.collector.seal(0, Gauges())

    def on_running(self, session: Session) -> None:
        self.heard.append(("running", ""))

    def on_lost(self, session: Session, reason: str) -> None:
        self.heard.append(("lost", reason))

    def on_picture_wanted(self, spec: UserSpec, name: str, message: str) -> None:
        self.heard.append(("picture", f"{name}: {message}"))

    def on_log(self, spec: UserSpec, line: str) -> None:
        self.heard.append(("log", line))


def test_the_first_document_gets_the_identity_and_makes_the_user_run() -> None:
    stage = Stage()
    stage.start()
    assert stage.told() == {
        "index": 3, "identity": {"serial": "S3"}, "iteration": 0, "visit": 1, "memoryText": "{}", "carried": None,
        "paceDue": None, "sample": False,
    }  # fmt: skip
    assert stage.heard == [("running", "")]


def test_the_time_until_the_next_iteration_is_due_runs_on_while_documents_change() -> None:
    stage = Stage()
    stage.start()
    stage.say(p=-700.0)
    stage.start()
    assert stage.told()["paceDue"] <= -700.0


def test_memory_visit_and_iterations_are_kept_over_documents() -> None:
    stage = Stage()
    stage.start()
    stage.say(n=2, c={"iterations": 2}, m='{"n":1}')
    stage.start()
    told = stage.told()
    assert (told["visit"], told["iteration"], told["memoryText"]) == (2, 2, '{"n":1}')
    assert stage.heard == [("running", "")]


def test_a_step_that_was_open_goes_on_in_the_next_document_with_the_time_between() -> None:
    stage = Stage()
    stage.start()
    stage.say(s={"name": "sign in", "ms": 100.0})
    stage.now = 0.25
    stage.start()
    assert stage.told()["carried"] == {"name": "sign in", "ms": 350.0}
    stage.start()
    assert stage.told()["carried"] is None


def test_a_request_without_status_that_the_browser_names_has_failed() -> None:
    stage = Stage()
    stage.start()
    stage.session.on_network_error("http://127.0.0.1/a", "Failed to load resource: net::ERR_CONNECTION_REFUSED")
    stage.say(r=[["fetch", "http://127.0.0.1/a", 3.0, True]])
    window = stage.window()
    assert window.causes["request"] == {"net::ERR_CONNECTION_REFUSED": 1}
    assert window.metrics["request.fetch"].failed == 1
    assert (window.counters["requests"], window.counters["requests_failed"]) == (1, 1)


def test_the_browsers_word_may_come_one_batch_later() -> None:
    stage = Stage()
    stage.start()
    stage.say(r=[["fetch", "http://127.0.0.1/a", 3.0, True]])
    stage.session.on_network_error("http://127.0.0.1/a", "Failed to load resource: net::ERR_TIMED_OUT")
    stage.say(w=0)
    assert stage.window().causes["request"] == {"net::ERR_TIMED_OUT": 1}


def test_a_request_without_status_that_nobody_names_was_cancelled_or_is_anothers_secret() -> None:
    stage = Stage()
    stage.start()
    stage.say(r=[["fetch", "http://127.0.0.1/a", 3.0, True], ["image", "http://cdn/b.png", 4.0, False]])
    stage.say(w=0)
    window = stage.window()
    assert window.counters["requests_cancelled"] == 1
    assert window.counters["requests"] == 1
    assert window.metrics["request.image"].values.count == 1
    assert "requests_failed" not in window.counters


def test_a_status_that_another_origin_hides_is_taken_from_the_browsers_words() -> None:
    stage = Stage()
    stage.start()
    stage.session.on_network_error("http://cdn/b.png", "… the server responded with a status of 404 (Not Found)")
    stage.say(r=[["image", "http://cdn/b.png", 4.0, False]])
    assert stage.window().causes["request"] == {"HTTP 404": 1}


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("Error in connection establishment: net::ERR_CONNECTION_REFUSED", "net::ERR_CONNECTION_REFUSED"),
        ("Error during WebSocket handshake: Unexpected response code: 503", "HTTP 503"),
    ],
)
def test_a_socket_that_does_not_open_has_the_browsers_cause(words: str, cause: str) -> None:
    stage = Stage()
    stage.start()
    stage.session.on_network_error("x.js", f"WebSocket connection to 'ws://127.0.0.1/ws' failed: {words}")
    stage.say(o=["ws://127.0.0.1/ws"], f={"websocket.open": 1})
    window = stage.window()
    assert window.causes["websocket"] == {cause: 1}
    assert window.metrics["websocket.open"].failed == 1


def test_failures_of_which_the_document_said_nothing_are_counted_at_its_end() -> None:
    stage = Stage()
    stage.start()
    stage.session.on_network_error("http://127.0.0.1/a", "Failed to load resource: net::ERR_BLOCKED_BY_CLIENT")
    stage.start()
    window = stage.window()
    assert window.causes["request"] == {"net::ERR_BLOCKED_BY_CLIENT": 1}
    assert window.metrics["request.other"].failed == 1


async def test_a_later_document_that_does_not_load_sends_the_user_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETURN_DELAY_S", 0.0)
    stage = Stage()
    stage.start()
    stage.start("chrome-error://chromewebdata/")
    assert stage.window().metrics["request.document"].failed == 1
    (work,) = stage.work
    await work
    assert stage.page.url == SPEC.url
    stage.page.end()


async def test_a_page_that_does_not_answer_is_closed_all_the_same() -> None:
    stage = Stage()
    stage.start()

    async def fails(expression: str, *, timeout_s: float) -> None:
        raise PageFailed("no context")

    stage.page.call = fails  # type: ignore[method-assign]
    async with asyncio.timeout(1):
        await stage.session.finish(0.1)
    assert stage.session.finished


def test_inputs_pictures_and_log_lines_are_passed_on() -> None:
    stage = Stage()
    stage.start()
    stage.say(i=[["key", {"type": "keyDown"}]], e=[["step zap", "oops"]], l=["hello"])
    assert stage.page.inputs == [("key", b'{"type": "keyDown"}')]
    assert stage.heard[1:] == [("picture", "step zap: oops"), ("log", "hello")]


def test_what_the_runtime_never_says_is_dropped_and_counted() -> None:
    stage = Stage()
    for payload in ("", "[]", "{", '{"v":{"a":"b"}}', '{"i":[["shell",{}]]}', '{"c":{"a":1e999}}', "\ud800"):
        stage.session.on_batch(payload, 1)
    window = stage.window()
    assert window.counters == {"samples_dropped": 7}


@given(st.text() | st.binary().map(repr))
def test_no_text_makes_the_reader_raise(payload: str) -> None:
    read_batch(payload)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(list("vfucroxeilmwhst")), _json))
def test_no_batch_makes_a_session_raise(batch: dict[str, Any]) -> None:
    stage = Stage()
    stage.session.on_batch(json.dumps(batch), 1)
    for work in stage.work:
        work.close()
