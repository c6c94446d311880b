"""Users in Lightpanda: the same behaviours, identities and measurements as in other engines."""

from typing import Any

import pytest

from carga.engines.light.browser import LightBrowser
from carga.engines.light.page import DEFAULT_AGENT
from carga.errors import PageFailed
from carga.model.plan import Cookie
from tests.support.site import Site, free_port
from tests.support.user import HeardUser, start_user

pytestmark = pytest.mark.e2e
IDLE = "export default async function (user) { await user.think('10s'); }"


async def user_on(browser: LightBrowser, url: str, behaviour: str = IDLE, **options: Any) -> HeardUser:
    return await start_user(browser, url, behaviour, engine="light", trusted_input=False, **options)


async def test_a_behaviour_presses_types_clicks_hovers_and_waits(browser: LightBrowser, site: Site) -> None:
    site.page(
        "/",
        """<button id=go>go</button><input id=text><form action="/found"><input name=q></form><script>
        const told = document.body.dataset;
        addEventListener("keydown", (event) => (told.key = event.key));
        const asked = async () => (await (await fetch("/json")).json()).answer;
        document.querySelector("#go").onclick = async () => (told.answer = await asked());
        document.querySelector("#go").onmouseover = () => (told.over = "1");
        document.querySelector("#text").oninput = (event) => (told.text = event.target.value);
        </script>""",
    )
    user = await user_on(
        browser,
        site.url + "/",
        """export default async function (user) {
          const told = () => document.body.dataset;
          await user.step("click", async () => {
            await user.click("#go");
            await user.waitFor(() => told().answer === "42");
          });
          await user.step("type", async () => {
            await user.type("#text", "Abd");
            await user.press("Backspace");
            await user.type("c");
            await user.waitFor(() => told().text === "Abc");
          });
          await user.step("key", async () => {
            await user.press("ArrowDown");
            await user.waitFor(() => told().key === "ArrowDown");
          });
          await user.step("hover", async () => {
            await user.hover("#go");
            await user.waitFor(() => told().over);
          });
          user.log(user.identity.serial);
          await user.think("60s");
        }""",
        identity={"serial": "FAKE_7"},
    )
    await user.until(lambda u: u.logs)
    window = await user.finish()
    assert user.logs == ["FAKE_7"]
    for step in ("click", "type", "key", "hover"):
        assert (user.count(f"step.{step}"), user.failed(f"step.{step}")) == (1, 0)
    assert user.inputs == [], "no input is asked of the browser"
    assert window.counters["actions"] == 8
    assert not user.collector.causes


async def test_enter_submits_and_the_user_goes_on_in_the_next_document(browser: LightBrowser, site: Site) -> None:
    site.page("/", "<form action='/found'><input id=q name=q></form>")
    site.page("/found", "<h1 id=found>found</h1>")
    user = await user_on(
        browser,
        site.url + "/",
        """export default async function (user) {
          if (location.pathname === "/") {
            user.memory.asked = "tea";
            await user.step("search", async () => {
              await user.type("#q", "tea");
              await user.press("Enter");
              await new Promise(() => {});
            });
          }
          user.log(user.visit, user.memory.asked, location.search);
          await user.think("60s");
        }""",
    )
    await user.until(lambda u: u.logs)
    await user.finish()
    assert user.logs == ["2 tea ?q=tea"]
    assert user.count("step.search") == 1, "a step ends when the next document has loaded"
    assert user.counter("navigations") == user.count("request.document") == 2
    assert [seen.query for seen in site.seen("/found")] == [{"q": "tea"}]


async def test_users_of_one_process_share_nothing(browser: LightBrowser, site: Site) -> None:
    site.page("/", "<script>fetch('/data'); new WebSocket(location.origin.replace('http', 'ws') + '/echo')</script>")
    users = [
        await user_on(
            browser,
            site.url + "/",
            user_agent=f"serial={index};",
            locale=("pt-PT", "de-DE")[index],
            viewport=((800, 450), (1920, 1080))[index],
            headers={"X-Box": f"box {index}"},
            cookies=(
                Cookie("session", f"s{index}", domain="127.0.0.1"),
                Cookie("h", "1", "127.0.0.1", "/", False, True),
            ),
        )
        for index in range(2)
    ]
    await site.until(lambda s: len(s.seen("/data")) == 2 and len(s.sockets) == 2)
    for path in ("/", "/data"):
        for index, seen in enumerate(site.seen(path)):
            assert seen.user_agent == f"serial={index};"
            assert seen.headers["x-box"] == f"box {index}"
            assert seen.headers["accept-language"] == ("pt-PT", "de-DE")[index]
            assert sorted(seen.headers["cookie"].split("; ")) == ["h=1", f"session=s{index}"]
    assert sorted(socket.user_agent for socket in site.sockets) == ["serial=0;", "serial=1;"]
    await users[0].call("document.cookie = 'who=zero', localStorage.who = 'zero', sessionStorage.who = 'zero'")
    stored = "[document.cookie.includes('who'), localStorage.who ?? '', sessionStorage.who ?? '']"
    assert await users[0].call(stored) == [True, "zero", "zero"]
    assert await users[1].call(stored) == [False, "", ""]
    assert await users[1].call("[navigator.userAgent, navigator.language, innerWidth]") == ["serial=1;", "de-DE", 1920]


async def test_a_language_alone_leaves_the_agent_as_it_is(browser: LightBrowser, site: Site) -> None:
    site.page("/", "hello")
    await user_on(browser, site.url + "/", locale="pt-PT")
    await user_on(browser, site.url + "/")
    assert [seen.user_agent for seen in site.seen("/")] == [DEFAULT_AGENT] * 2


async def test_an_agent_that_lightpanda_would_ignore_is_refused(browser: LightBrowser, site: Site) -> None:
    with pytest.raises(PageFailed, match="sends no user agent with 'mozilla' in it"):
        await user_on(browser, site.url + "/", user_agent="Mozilla/5.0 serial=7")


async def test_what_is_measured_is_what_the_server_saw(browser: LightBrowser, site: Site) -> None:
    refusing = free_port()
    site.page(
        "/",
        f"""<link rel=stylesheet href="/style.css"><script src="/script.js"></script><img src="/image.png"><script>
        const none = () => {{}};
        for (const path of ["/json", "/slow/60", "/status/500", "/reset", "/empty"]) fetch(path).catch(none);
        fetch("http://127.0.0.1:{refusing}/").catch(none);
        const given = new AbortController();
        fetch("/hang", {{signal: given.signal}}).catch(none);
        setTimeout(() => given.abort(), 50);
        fetch("/hang", {{signal: AbortSignal.timeout(50)}}).catch(none);
        for (const path of ["/json", "/status/404"]) {{
          const xhr = new XMLHttpRequest();
          xhr.open("GET", path);
          xhr.send();
        }}
        const socket = new WebSocket(location.origin.replace("http", "ws") + "/echo");
        socket.onopen = () => socket.send("hello");
        new WebSocket(location.origin.replace("http", "ws") + "/refuse/503");
        new WebSocket(location.origin.replace("http", "ws") + "/close/1011").onopen = (event) => event.target.send("x");
        </script>""",
    )
    user = await user_on(browser, site.url + "/")
    await user.until(lambda u: u.counter("requests_cancelled") and u.counter("websockets_closed"))
    window = await user.finish()
    counts = {kind: user.count(f"request.{kind}") for kind in ("document", "style", "script", "image", "fetch", "xhr")}
    assert counts == {"document": 1, "style": 1, "script": 1, "image": 1, "fetch": 2, "xhr": 1}
    assert user.causes("request") == {
        "HTTP 500": 1,
        "HTTP 404": 1,
        "net::ERR_CONNECTION_REFUSED": 1,
        "net::ERR_CONNECTION_RESET": 1,
        "net::ERR_EMPTY_RESPONSE": 1,
        "time-out": 1,
    }
    assert window.counters["requests"] == 13
    assert window.counters["requests_failed"] == 6
    assert window.counters["requests_cancelled"] == 1
    assert user.metrics["request.fetch"].values.max >= 60
    assert window.counters["websockets_opened"] == user.count("websocket.open") == 2
    assert user.failed("websocket.open") == 1
    assert user.causes("websocket") == {"closed 1011": 1, "closed before it was open": 1}
    assert window.counters["websocket_messages_sent"] == 2
    assert window.counters["websocket_messages_received"] == 1


async def test_a_document_counts_with_its_time_and_its_status(browser: LightBrowser, site: Site) -> None:
    site.page("/good", "good")
    site.page("/bad", "bad", status=503)
    user = await user_on(browser, site.url + "/slow/80")
    await user.call(f"location.href = '{site.url}/bad'; 1")
    await site.until(lambda s: s.seen("/bad"))
    await user.until(lambda u: u.failed("request.document") == 1)
    assert user.causes("request") == {"HTTP 503": 1}
    assert user.mean("request.document") >= 80


async def test_a_document_that_does_not_come_is_named(browser: LightBrowser, site: Site) -> None:
    site.page("/", "one")
    user = await user_on(browser, site.url + "/")
    page = user.session.page
    assert await page.navigate(f"http://127.0.0.1:{free_port()}/") == "net::ERR_CONNECTION_REFUSED"
    assert await page.navigate("http://nowhere.invalid/") == "net::ERR_NAME_NOT_RESOLVED"
    assert await page.navigate(site.url + "/empty") == "net::ERR_EMPTY_RESPONSE"
    assert await page.navigate(site.url + "/") == ""


async def test_what_a_page_says_before_a_click_takes_it_elsewhere_is_not_lost(
    browser: LightBrowser, site: Site
) -> None:
    site.page("/", "<a id=on href=/next>on</a>")
    site.page("/next", "next")
    user = await user_on(
        browser,
        site.url + "/",
        """export default async function (user) {
          if (location.pathname === "/next") return user.think("60s");
          for (let i = 0; i < 5; i++) user.record("count", 1, "times");
          await user.step("go on", () => user.click("#on").then(() => new Promise(() => {})));
        }""",
    )
    await user.until(lambda u: u.counter("navigations") == 2)
    assert user.count("custom.count") == 5
    await user.until(lambda u: u.count("step.go on") == 1)


async def test_a_page_error_is_counted_and_a_missing_feature_named(browser: LightBrowser, site: Site) -> None:
    site.page(
        "/",
        """<canvas></canvas><script>
        for (const wrong of [
          () => new RTCPeerConnection(),
          () => navigator.serviceWorker.register("/service.js"),
          () => document.execCommand("copy"),
          () => document.querySelector("canvas").getContext("webgl").createShader(0),
          () => missingOfTheApplication(),
          () => null.x,
        ]) setTimeout(wrong, 0);
        Promise.reject(new Error("left alone"));
        document.body.addEventListener("transitionend", () => {});
        document.createElement("video").play();
        </script>""",
    )
    user = await user_on(browser, site.url + "/")
    await user.until(lambda u: u.counter("page_errors") == 7)
    causes = user.causes("page")
    assert causes == {
        "not in light: RTCPeerConnection": 1,
        "not in light: navigator.serviceWorker": 1,
        "not in light: document.execCommand": 1,
        "not in light: a WebGL context": 1,
        "ReferenceError: missingOfTheApplication is not defined": 1,
        "TypeError: Cannot read properties of null (reading 'x')": 1,
        "Unhandled rejection: Error: left alone": 1,
        'does nothing in light: canvas.getContext("webgl")': 1,
        "does nothing in light: the event transitionend": 1,
        "does nothing in light: HTMLMediaElement.play": 1,
    }


async def test_dialogs_are_answered_and_the_console_costs_nothing(browser: LightBrowser, site: Site) -> None:
    site.page("/", "<script>window.answers = [alert('a'), confirm('b'), prompt('c', 'd')]; console.log('e')</script>")
    user = await user_on(browser, site.url + "/")
    assert await user.call("answers.slice(1)") == [True, "d"]


async def test_a_picture_shows_the_page(browser: LightBrowser, site: Site) -> None:
    site.page("/", "<h1>picture</h1>")
    user = await user_on(browser, site.url + "/")
    assert (await user.session.page.picture()).startswith(b"\x89PNG\r\n\x1a\n")


async def test_mistakes_in_a_script_are_found_before_it_runs(browser: LightBrowser) -> None:
    assert await browser.check_script("const a = 1;", "a.js") == ""
    assert "line 2: SyntaxError" in await browser.check_script("const a = 1;\nconst b = ;", "b.js")


async def test_a_page_is_told_that_it_goes_away_while_the_next_is_awaited(browser: LightBrowser, site: Site) -> None:
    site.page("/", "<script>addEventListener('pagehide', () => (localStorage.left = 'yes'))</script>")
    user = await user_on(browser, site.url + "/")
    await user.call("location.href = '/slow/500'; 1")
    await user.until(lambda u: u.counter("navigations") == 2)
    assert await user.call("localStorage.left") == "yes"
