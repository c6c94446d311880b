"""What is measured is what the server saw, with failures by their cause."""

import asyncio

import pytest

from carga.model.plan import Rendering
from tests.support.site import Site, free_port
from tests.support.user import HeardUser, running_user

pytestmark = pytest.mark.e2e


def requests(user: HeardUser) -> dict[str, tuple[int, int]]:
    """Kind to (good ones, failed ones)."""
    return {
        name.removeprefix("request."): (metric.values.count, metric.failed)
        for name, metric in user.metrics.items()
        if name.startswith("request.")
    }


async def measured(site: Site, script: str, *, head: str = "", **options: object) -> HeardUser:
    """A user whose page ran `script` to its end; all is measured and the browser is closed."""
    site.page("/", f"<!doctype html>{head}<body><script type=module>{script}; window.ended = true;</script>")
    async with running_user(
        site.url + "/", "export default (user) => user.waitFor(() => window.ended)", **options
    ) as user:
        await user.until(lambda u: u.counter("iterations"))
        await user.finish()
        return user


async def test_requests_by_kind_are_those_that_the_server_saw(site: Site) -> None:
    head = """<link rel=stylesheet href=/style.css><script src=/script.js></script>
    <link rel=preload as=image href=/image.png><img src=/image.png?2>
    <style>@font-face { font-family: f; src: url(/font.woff2) } b { font-family: f }</style><b>b</b>"""
    script = """await (await fetch("/json")).json();
    fetch("/json?unread=1"); fetch("/json?post=1", { method: "POST", body: "x" }); await fetch("/status/204");
    const xhr = new XMLHttpRequest(); xhr.open("GET", "/json?xhr");
    await new Promise((resolve) => { xhr.onload = resolve; xhr.send(); });
    navigator.sendBeacon("/json?beacon", "x");
    await document.fonts.load("12px f").catch(() => {});
    const image = new Image(); image.src = "/image.png?3";
    await new Promise((resolve) => { image.onload = resolve; });"""
    site.page("/font.woff2", b"no font", kind="font/woff2")
    user = await measured(site, script, head=head)
    seen = site.count_by_kind()
    assert requests(user) == {
        "document": (seen["document"], 0),
        "style": (seen["style"], 0),
        "script": (seen["script"], 0),
        "image": (seen["image"], 0),
        "font": (seen["font"], 0),
        "fetch": (4, 0),
        "xhr": (1, 0),
        "beacon": (1, 0),
    }
    assert user.counter("requests") == len(site.requests)
    assert user.counter("requests_failed") == 0
    assert user.counter("navigations") == 1


async def test_bad_statuses_are_failures_by_status(site: Site) -> None:
    user = await measured(
        site,
        """for (const status of [404, 500, 500, 503]) await fetch(`/status/${status}?${Math.random()}`);
        await new Promise((resolve) => { const i = new Image(); i.onerror = resolve; i.src = "/status/404"; });
        const xhr = new XMLHttpRequest(); xhr.open("GET", "/status/502");
        await new Promise((resolve) => { xhr.onload = resolve; xhr.send(); });""",
    )
    assert user.causes("request") == {"HTTP 404": 2, "HTTP 500": 2, "HTTP 503": 1, "HTTP 502": 1}
    assert requests(user) == {"document": (1, 0), "fetch": (0, 4), "image": (0, 1), "xhr": (0, 1)}
    assert (user.counter("requests"), user.counter("requests_failed")) == (7, 6)


async def test_network_errors_have_the_browsers_names(site: Site) -> None:
    port = free_port()
    user = await measured(
        site,
        f"""for (const url of ["http://127.0.0.1:{port}/", "/reset", "/empty", "http://nowhere.invalid/"])
          await fetch(url).catch(() => {{}});
        await fetch("/broken").then((r) => r.text()).catch(() => {{}});
        const image = new Image(); image.src = "http://127.0.0.1:{port}/i";
        await new Promise((resolve) => {{ image.onerror = resolve; }});""",
    )
    assert user.causes("request") == {
        "net::ERR_CONNECTION_REFUSED": 2,
        "net::ERR_CONNECTION_RESET": 1,
        "net::ERR_EMPTY_RESPONSE": 1,
        "net::ERR_NAME_NOT_RESOLVED": 1,
        "net::ERR_CONTENT_LENGTH_MISMATCH": 1,
    }
    assert (user.counter("requests"), user.counter("requests_failed")) == (7, 6)
    assert user.counter("requests_cancelled") == 0


async def test_a_time_out_is_a_failure_and_a_cancelled_request_is_not(site: Site) -> None:
    user = await measured(
        site,
        """await fetch("/hang?1", { signal: AbortSignal.timeout(100) }).catch(() => {});
        const xhr = new XMLHttpRequest(); xhr.open("GET", "/hang?2"); xhr.timeout = 100;
        await new Promise((resolve) => { xhr.ontimeout = resolve; xhr.send(); });
        const controller = new AbortController(); setTimeout(() => controller.abort(), 100);
        await fetch("/hang?3", { signal: controller.signal }).catch(() => {});
        const cancelled = new XMLHttpRequest(); cancelled.open("GET", "/hang?4"); cancelled.send();
        await new Promise((resolve) => setTimeout(resolve, 100)); cancelled.abort();""",
    )
    assert user.causes("request") == {"time-out": 2}
    assert user.counter("requests_cancelled") == 2
    assert (user.counter("requests"), user.counter("requests_failed")) == (3, 2)


async def test_other_origins_are_counted_too(site: Site) -> None:
    user = await measured(
        site,
        f"""const other = "{site.other_origin}";
        await (await fetch(other + "/json?cors=1")).json();
        await fetch(other + "/json?opaque", {{ mode: "no-cors" }});
        await fetch(other + "/status/500?opaque", {{ mode: "no-cors" }});
        await fetch(other + "/json?forbidden").catch(() => {{}});
        const image = (path) => new Promise((resolve) => {{
          const i = new Image(); i.onload = i.onerror = resolve; i.src = other + path; }});
        await image("/image.png"); await image("/status/404");""",
    )
    assert user.causes("request") == {"HTTP 500": 1, "net::ERR_FAILED": 1, "HTTP 404": 1}
    assert requests(user) == {"document": (1, 0), "fetch": (2, 2), "image": (1, 1)}
    assert user.counter("requests") == len(site.requests) == 7


async def test_answers_from_the_cache_are_no_requests(site: Site) -> None:
    user = await measured(site, 'for (let i = 0; i < 3; i++) await (await fetch("/json?cache=600")).json();')
    assert len(site.seen("/json")) == 1
    assert user.counter("requests") == len(site.requests) == 2
    assert user.counter("requests_from_cache") == 2


async def test_sockets_are_counted_both_ways(site: Site) -> None:
    user = await measured(
        site,
        """const socket = new WebSocket(location.origin.replace("http", "ws") + "/echo");
        await new Promise((resolve) => { socket.onopen = resolve; });
        socket.binaryType = "arraybuffer"; let heard = 0;
        const all = new Promise((resolve) => { socket.onmessage = () => { if (++heard === 4) resolve(); }; });
        socket.send("é→😀"); socket.send("plain"); socket.send(new Uint8Array(10)); socket.send(new Blob(["blob"]));
        await all; console.assert(socket instanceof WebSocket && WebSocket.OPEN === 1);
        window.kept = new WebSocket(location.origin.replace("http", "ws") + "/echo");
        await new Promise((resolve) => { window.kept.onopen = resolve; });
        socket.close(); await new Promise((resolve) => { socket.onclose = resolve; });""",
    )
    size = sum(len(m.encode() if isinstance(m, str) else m) for m in site.sockets[0].received)
    assert size == len("é→😀".encode()) + 5 + 10 + 4
    assert user.counter("websocket_messages_sent") == user.counter("websocket_messages_received") == 4
    assert user.counter("websocket_bytes_sent") == user.counter("websocket_bytes_received") == size
    assert user.counter("websockets_opened") == user.count("websocket.open") == 2
    assert user.counter("websockets_closed") == 1
    assert user.counter("websockets_closed_abnormally") == 0


async def test_open_sockets_are_known(site: Site) -> None:
    site.page("/", "<script>s = new WebSocket(location.origin.replace('http', 'ws') + '/echo')</script>")
    async with running_user(site.url + "/") as user:
        await user.until(lambda u: u.session.websockets_open == 1)
        assert site.sockets[0].socket is not None
        await site.sockets[0].socket.close(1000)
        await user.until(lambda u: u.session.websockets_open == 0)
        assert user.counter("websockets_closed_abnormally") == 0


async def test_sockets_that_break_or_do_not_open_say_why(site: Site) -> None:
    user = await measured(
        site,
        f"""const base = location.origin.replace("http", "ws");
        const ended = (url) => new Promise((resolve) => {{
          const socket = new WebSocket(url); socket.onopen = () => socket.send("x"); socket.onclose = resolve; }});
        await ended(base + "/abort"); await ended(base + "/close/1011"); await ended(base + "/close/4001");
        await ended(base + "/refuse/503"); await ended("ws://127.0.0.1:{free_port()}/");""",
    )
    assert user.causes("websocket") == {
        "closed 1006": 1,
        "closed 1011": 1,
        "closed 4001": 1,
        "HTTP 503": 1,
        "net::ERR_CONNECTION_REFUSED": 1,
    }
    assert (user.count("websocket.open"), user.failed("websocket.open")) == (3, 2)
    assert user.counter("websockets_closed_abnormally") == 3


async def test_page_errors_are_counted_by_name(site: Site) -> None:
    user = await measured(
        site,
        """setTimeout(() => nowhere()); setTimeout(() => { throw "a text"; });
        Promise.reject(new RangeError("too far")); fetch("http://nowhere.invalid/");
        fetch("http://nowhere.invalid/2").catch(() => {}); await new Promise((resolve) => setTimeout(resolve, 200));""",
    )
    assert user.causes("page") == {
        "ReferenceError: nowhere is not defined": 1,
        "Uncaught a text": 1,
        "Unhandled rejection: RangeError: too far": 1,
        "Unhandled rejection: TypeError: Failed to fetch": 1,
    }
    assert user.counter("page_errors") == 4


async def test_long_tasks_are_seen(site: Site) -> None:
    user = await measured(
        site,
        "setTimeout(() => { const t = performance.now(); while (performance.now() < t + 120); });"
        " await new Promise((resolve) => setTimeout(resolve, 300));",
    )
    assert user.count("long_task") >= 1
    assert user.metrics["long_task"].values.max >= 119


@pytest.mark.parametrize("rendering", ["none", "paced", "full"])
async def test_vitals_come_with_frames_only(site: Site, rendering: Rendering) -> None:
    script = """await new Promise((resolve) => setTimeout(resolve, 700));
    const box = document.createElement("div"); box.style.height = "200px"; document.body.prepend(box);
    await new Promise((resolve) => setTimeout(resolve, 400));"""
    user = await measured(site, script, head="<h1>Large text</h1><p>more</p>", rendering=rendering)
    if rendering == "full":
        assert 0 < user.mean("vitals.fcp") <= user.mean("vitals.lcp") < 5000
        assert user.metrics["vitals.cls"].unit == "score"
        assert user.mean("vitals.cls") > 0
    else:
        assert not [name for name in user.metrics if name.startswith("vitals.")]
    assert user.count("navigation.ttfb") == user.count("navigation.load") == 1


async def test_the_timer_canary_is_quiet_on_an_idle_machine(site: Site) -> None:
    site.page("/", "idle")
    async with running_user(site.url + "/") as user:
        await user.until(lambda u: u.count("generator.timer_late") >= 2)
        assert user.mean("generator.timer_late") < 50


async def test_the_canary_sees_a_busy_page(site: Site) -> None:
    site.page("/", "<script>setInterval(() => { const t = Date.now(); while (Date.now() < t + 600); }, 650)</script>")
    async with running_user(site.url + "/") as user:
        await user.until(lambda u: u.count("generator.timer_late") >= 3)
        assert user.metrics["generator.timer_late"].values.max > 50
        await asyncio.sleep(0)
