"""A user over page loads, and in pages that are in the way."""

import asyncio

import pytest

from tests.support.site import Site
from tests.support.user import running_user

pytestmark = pytest.mark.e2e


async def test_memory_visits_and_iterations_go_on_over_page_loads(site: Site) -> None:
    site.page("/", "<h1>one</h1>")
    source = """export default async (user) => {
      user.memory.seen = [...(user.memory.seen ?? []), user.visit];
      user.log(user.visit, user.iteration, user.memory);
      if (user.visit < 4) { location.href = "/?" + user.visit; await user.think("60s"); }
      await user.think("60s");
    }"""
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: len(u.logs) == 4)
        assert user.logs == [
            '1 1 {"seen":[1]}',
            '2 2 {"seen":[1,2]}',
            '3 3 {"seen":[1,2,3]}',
            '4 4 {"seen":[1,2,3,4]}',
        ]
        await user.until(lambda u: u.counter("navigations") == 4)
        assert user.counter("iterations") == 3, "those that a page load ended"
        assert user.counter("iterations_failed") == 0
        assert user.count("request.document") == len(site.seen("/")) == 4


@pytest.mark.parametrize("origin", ["same", "other"])
async def test_a_step_that_spans_a_page_load_ends_with_the_new_document(site: Site, origin: str) -> None:
    site.page("/", "<h1>one</h1>")
    site.page("/two", "<img src=/slow/300><h1>two</h1>")
    target = (site.url if origin == "same" else site.other_origin) + "/two"
    source = f"""export default async (user) => {{
      if (user.visit === 1) await user.step("go", async () => {{
        location.href = "{target}"; await user.think("60s"); }});
      user.log(location.pathname, document.readyState); await user.think("60s");
    }}"""
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: u.logs == ["/two complete"])
        await user.until(lambda u: u.count("step.go") == 1)
        assert 250 < user.mean("step.go") < 3000


async def test_a_step_that_ends_before_its_page_goes_is_counted_once(site: Site) -> None:
    site.page("/", "<h1>one</h1>")
    source = """export default async (user) => {
      if (user.visit === 1) await user.step("go", async () => {
        location.href = "/slow/400"; await new Promise((resolve) => setTimeout(resolve, 100));
      });
      await user.think("60s");
    }"""
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: u.session._visit == 2 and u.counter("navigations") == 2)
        await user.finish()
        assert user.count("step.go") == 1
        assert user.mean("step.go") < 300


async def test_samples_right_before_a_page_load_are_not_lost(site: Site) -> None:
    site.page(
        "/",
        """<script>window.early = { ...sessionStorage };
        addEventListener("pagehide", () => { for (let i = 0; i < 3; i++) window.tell?.(i); });</script>""",
    )
    source = """export default async (user) => {
      if (user.visit === 1) {
        window.tell = (i) => user.record("late", i, "rows");
        for (let i = 0; i < 5; i++) user.record("early", i, "rows");
        location.href = "/?again"; await user.think("60s");
      }
      user.log(window.early); await user.think("60s");
    }"""
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: u.logs)
        assert user.count("custom.early") == 5
        assert user.count("custom.late") in (0, 3), "all of a hide handler's, or none when it ran after ours"
        assert user.logs == ["{}"], "the application never sees what was left"


async def test_memory_that_is_too_large_is_told_once_and_not_kept(site: Site) -> None:
    site.page("/", "<h1>one</h1>")
    source = """export default async (user) => {
      if (user.visit === 2) { user.log(user.memory); return user.think("60s"); }
      user.memory.good = 1; await user.think("10ms"); await user.press("a");
      user.memory.bad = "x".repeat(20000); await user.press("a");
      let problem = ""; try { user.memory = 4; } catch (error) { problem = error.message; } user.log(problem);
      location.href = "/?2"; await user.think("60s");
    }"""
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: len(u.logs) == 2)
        assert user.logs == ["user.memory must be an object", '{"good":1}']
        causes = user.causes("behaviour")
        assert len(causes) == 1
        assert "more than 16384" in next(iter(causes))


async def test_memory_that_is_no_json_is_told(site: Site) -> None:
    site.page("/", "<h1>one</h1>")
    source = """export default async (user) => {
      user.memory.me = user.memory; await user.press("a"); await user.think("60s"); }"""
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: u.causes("behaviour"))
        assert next(iter(user.causes("behaviour"))).startswith("user.memory cannot be written as JSON")


async def test_a_page_without_a_behaviour_is_measured(site: Site) -> None:
    site.page("/", "<script>setInterval(() => fetch('/json'), 100)</script>")
    async with running_user(site.url + "/") as user:
        await user.until(lambda u: u.count("request.fetch") > 3)
        await user.finish()
        assert user.counter("iterations") == 0
        assert 0 <= len(site.seen("/json")) - user.count("request.fetch") <= 1


async def test_a_strict_content_security_policy_changes_nothing(site: Site) -> None:
    headers = {"content-security-policy": "default-src 'none'; script-src 'self'; require-trusted-types-for 'script'"}
    site.page("/", "<script src=/script.js></script><h1>strict</h1>", headers=headers)
    source = """export default async (user) => {
      await user.step("act", async () => { await user.press("a"); await user.waitFor("h1"); }); await user.think("60s");
    }"""
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: u.count("step.act") == 1 and u.count("request.script") == 1)
        await user.finish()
        assert user.counter("page_errors") == 0


HOSTILE = """<script>
  JSON.stringify = () => "{}"; JSON.parse = () => ({});
  window.setTimeout = () => 0; window.clearTimeout = () => {}; window.Promise = function () { throw new Error("no"); };
  Array.prototype.toJSON = function () { return "array"; }; Object.prototype.toJSON = function () { return "object"; };
  Object.prototype.polluted = function () {}; Object.prototype.c = { requests: 1000 }; Object.prototype.requests = 1000;
  window.MutationObserver = null; window.PerformanceObserver = null; window.MessageChannel = null;
  Performance.prototype.now = () => 0; window.performance = { now: () => -1 };
  Reflect.apply = () => null; Reflect.construct = () => null; Object.assign = () => null; Object.create = () => null;
  window.fetched = fetch("/json");
</script><h1>hostile</h1>"""


async def test_a_page_that_bends_its_globals_is_measured_all_the_same(site: Site) -> None:
    site.page("/", HOSTILE)
    source = """export default async (user) => {
      await user.step("act", async () => { await user.press("a"); await user.waitFor("h1"); });
      await user.click("h1"); user.memory.a = [1]; user.record("depth", 3, "rows"); user.log("done", [1]);
      await user.think("60s");
    }"""
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: u.logs and u.count("request.fetch"))
        await user.until(lambda u: u.session._memory == '{"a":[1]}')
        await user.finish()
        assert user.logs == ["done [1]"]
        assert user.count("step.act") == user.count("custom.depth") == user.count("request.document") == 1
        assert user.counter("requests") == 2
        assert user.counter("samples_dropped") == 0
        assert user.counter("page_errors") == 0
        assert user.causes("behaviour") == {}


async def test_the_application_sees_what_it_would_see_without_us(site: Site) -> None:
    site.page("/", "<h1>one</h1>")
    async with running_user(site.url + "/") as user:
        told = await user.call("""[fetch.name, fetch.length, String(fetch), WebSocket.name,
          WebSocket.prototype.constructor === WebSocket, new WebSocket("ws://127.0.0.1:1/") instanceof WebSocket,
          XMLHttpRequest.prototype.open.name,
          fetch("/json") instanceof Promise, Object.keys(window).filter((name) => /carga|test_/.test(name))]""")
        assert told == ["fetch", 1, "function () { [native code] }", "WebSocket", True, True, "open", True, []]
        assert await user.call("fetch('http://').catch((error) => error.name)") == "TypeError"


async def test_a_document_that_does_not_load_is_a_failure_and_the_user_comes_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carga.worker.session.RETURN_DELAY_S", 0.2)
    site.page("/", "<h1>one</h1>")
    source = """export default async (user) => {
      user.log(user.visit); if (user.visit === 1) location.href = "/empty"; await user.think("60s");
    }"""
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: u.logs == ["1", "2"])
        assert user.failed("request.document") == 1
        user.session.finished = True


async def test_a_top_level_mistake_of_the_behaviour_is_told(site: Site) -> None:
    site.page("/", "<h1>one</h1>")
    async with running_user(site.url + "/", "export default async () => {};\nnowhere();") as user:
        await user.until(lambda u: "nowhere is not defined" in u.causes("behaviour"))


async def test_frames_inside_a_page_are_not_users(site: Site) -> None:
    site.page("/", "<iframe src=/inner></iframe>")
    site.page("/inner", "<h1>inner</h1>")
    source = "export default async (user) => { user.log(location.pathname); await user.think('60s'); }"
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: u.logs and u.count("request.document") == 2)
        await asyncio.sleep(0)
        assert user.logs == ["/"]
        assert user.session._visit == 1
