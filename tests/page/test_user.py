"""Every function that a behaviour has, in a real browser with the worker's session at the other end."""

import asyncio
import re

import pytest

from carga.model.plan import Rendering
from tests.support.site import Site
from tests.support.user import HeardUser, running_user

pytestmark = pytest.mark.e2e

PAGE = """<!doctype html><meta charset=utf-8><body style="margin: 0">
<input id=name style="position: absolute; top: 10px">
<button id=go style="position: absolute; top: 50px" onclick="clicks += event.isTrusted">go</button>
<button id=under style="position: absolute; top: 100px; left: 0; width: 80px; height: 20px">under</button>
<div id=over style="position: absolute; top: 95px; left: 0; width: 200px; height: 40px">over</div>
<p id=low style="position: absolute; top: 3000px" onclick="window.low = true">low</p>
<script>
  window.keys = []; window.clicks = 0;
  addEventListener("keydown", (e) => keys.push([e.key, e.code, e.keyCode, e.shiftKey, e.ctrlKey, e.isTrusted]));
  name_ = document.querySelector("#name"); window.inputs = [];
  name_.addEventListener("input", (e) => inputs.push(e.isTrusted));
  document.querySelector("#go").addEventListener("mouseenter", (e) => { window.entered = e.isTrusted; });
</script>"""


def behaviour(body: str) -> str:
    """Acts once, then waits; what it throws is logged as `threw: …`."""
    return f"""export default async function (user) {{
      if (user.iteration > 1) return user.think("60s");
      const told = async (act) => {{
        try {{ user.log("gave: " + JSON.stringify(await act())); }}
        catch (error) {{ user.log("threw: " + error.message); }}
      }};
      {body}
      user.log("done");
    }}"""


async def acted(site: Site, body: str, **options: object) -> HeardUser:
    """What a user said that acted on PAGE; its browser is closed."""
    site.page("/", PAGE)
    async with running_user(site.url + "/", behaviour(body), **options) as user:
        await user.until(lambda u: "done" in u.logs)
        return user


async def test_a_pressed_key_is_trusted_and_has_its_code(site: Site) -> None:
    names = ["ArrowDown", "Enter", "a", "Z", "7", "!", "F5", "ColorF0Red", " ", "é", "Backspace", "?", "+"]
    presses = " ".join(f'await user.press("{name}");' for name in names)
    user = await acted(site, f"{presses} for (const key of window.keys) user.log(key.join(' '));")
    assert user.logs[:-1] == [
        "ArrowDown ArrowDown 40 false false true",
        "Enter Enter 13 false false true",
        "a KeyA 65 false false true",
        "Z KeyZ 90 true false true",
        "7 Digit7 55 false false true",
        "! Digit1 49 true false true",
        "F5 F5 116 false false true",
        "ColorF0Red  403 false false true",
        "  Space 32 false false true",
        "é  0 false false true",
        "Backspace Backspace 8 false false true",
        "? Slash 191 true false true",
        "+ Equal 187 true false true",
    ]
    assert user.counter("actions") == len(names)
    assert user.inputs == ["key"] * 2 * len(names)
    assert user.count("generator.input_delay") == len(names)


async def test_an_unknown_key_is_an_error_in_words(site: Site) -> None:
    keys = ["NoSuchKey", "", "constructor", "a+b", "Control+NoSuchKey"]
    user = await acted(site, " ".join(f'await told(() => user.press("{key}"));' for key in keys))
    assert user.logs[:-1] == [
        f'threw: press: there is no key "{key}"; use names such as "Enter", "a" or "Control+a"' for key in keys
    ]


async def test_combinations_hold_their_modifiers(site: Site) -> None:
    user = await acted(
        site,
        """await user.type("#name", "first");
        await user.press("Control+a");
        await user.type("x");
        user.log(name_.value);
        window.keys.length = 0;
        await user.press("Control+Shift+k");
        await user.press("Shift+Tab");
        for (const key of window.keys) user.log(key.slice(0, 5).join(" "));""",
    )
    assert user.logs[:-1] == [
        "x",
        "Control ControlLeft 17 false true",
        "Shift ShiftLeft 16 true true",
        "K KeyK 75 true true",
        "Shift ShiftLeft 16 true false",
        "Tab Tab 9 true false",
    ]


async def test_typed_text_is_in_the_field(site: Site) -> None:
    user = await acted(
        site,
        """await user.type("#name", "Olá, Zé! (1+1) 日本");
        user.log(name_.value);
        user.log(inputs.every(Boolean));
        name_.value = ""; await user.type(name_, 42); await user.type("x"); user.log(name_.value);""",
    )
    assert user.logs[:3] == ["Olá, Zé! (1+1) 日本", "true", "42x"]


@pytest.mark.parametrize("rendering", ["none", "paced", "full"])
async def test_clicks_and_hovers_are_real(site: Site, rendering: Rendering) -> None:
    user = await acted(
        site,
        """await user.hover("#go"); await user.waitFor(() => window.entered);
        await user.click("#go"); await user.click(document.querySelector("#go"));
        user.log(window.clicks);
        await user.click("#low"); user.log(window.low);
        await told(() => user.click("#under", { timeout: "0.3s" }));
        await told(() => user.click("#nowhere", { timeout: 100 }));
        await told(() => user.click("#nowhere", { timeout: "soon" }));""",
        rendering=rendering,
    )
    assert user.logs == [
        "2",
        "true",
        'threw: The element "#under" is covered by <div>; a place to click did not come within 0.3 s',
        'threw: The element "#nowhere" is not in the document; a place to click did not come within 0.1 s',
        'threw: timeout must be like "800ms", "1.5s" or "2m", or milliseconds, not soon',
        "done",
    ]


async def test_wait_for_waits_for_elements_and_conditions(site: Site) -> None:
    user = await acted(
        site,
        """setTimeout(() => document.body.append(Object.assign(document.createElement("b"), { id: "late" })), 100);
        user.log((await user.waitFor("#late")).id);
        setTimeout(() => { window.number = 7; }, 100);
        user.log(await user.waitFor(() => window.number));
        user.log(await user.waitFor(async () => { await null; return window.number > 6 && "async"; }));
        await told(() => user.waitFor("#never", { timeout: "0.1s" }));
        await told(() => user.waitFor(() => window.never === 1, { timeout: 100 }));
        await told(() => user.waitFor(() => { throw new Error("in the condition"); }));
        await told(() => user.waitFor(() => new Promise(() => {}), { timeout: 100 }));
        await told(() => user.waitFor(42));""",
    )
    assert user.logs == [
        "late",
        "7",
        "async",
        'threw: The element "#never" did not come within 0.1 s',
        "threw: The condition () => window.never === 1 did not come within 0.1 s",
        "threw: in the condition",
        "threw: The condition () => new Promise(() => {}) did not come within 0.1 s",
        "threw: waitFor: wants a selector or a function",
        "done",
    ]


async def test_a_wait_without_a_timeout_has_that_of_the_group(site: Site) -> None:
    user = await acted(site, 'await told(() => user.waitFor("#never"));', timeout_s=0.2)
    assert user.logs[0] == 'threw: The element "#never" did not come within 0.2 s'


async def test_a_steps_duration_leaves_out_input_and_think(site: Site) -> None:
    user = await acted(
        site,
        """await told(() => user.step("one", async () => {
          await user.press("a"); await user.think("400ms");
          await new Promise((resolve) => setTimeout(resolve, 100)); return 42;
        }));""",
    )
    assert user.logs[0] == "gave: 42"
    assert user.count("step.one") == 1
    assert 99 <= user.mean("step.one") < 250


async def test_steps_fail_with_their_message_and_cannot_be_nested(site: Site) -> None:
    user = await acted(
        site,
        """await told(() => user.step("bad", () => { throw new TypeError("no cell"); }));
        await told(() => user.step("given up", () => user.fail("gave up")));
        await told(() => user.step("outer", () => user.step("inner", () => {})));
        await told(() => user.step("", () => {}));
        await told(() => user.step("no function"));
        await told(() => user.step("good", () => "fine"));""",
    )
    wants = 'threw: step: wants a name and a function, as in user.step("open guide", async () => { … })'
    nested = 'step "inner" is inside step "outer": steps cannot be nested'
    assert user.logs == ["threw: no cell", "threw: gave up", f"threw: {nested}", wants, wants, 'gave: "fine"', "done"]
    assert {name: user.failed(f"step.{name}") for name in ("bad", "given up", "outer", "good")} == {
        "bad": 1,
        "given up": 1,
        "outer": 1,
        "good": 0,
    }
    assert user.count("step.bad") == 0
    assert "step.inner" not in user.metrics
    assert user.causes("step") == {"bad: no cell": 1, "given up: gave up": 1, f"outer: {nested}": 1}
    assert ("step bad", "no cell") in user.pictures


async def test_think_and_random_are_the_same_in_every_run(site: Site) -> None:
    body = "for (let i = 0; i < 5; i++) user.log(user.random());"
    same = [(await acted(site, body, index=3, seed=7)).logs for _ in range(2)]
    assert same[0] == same[1]
    assert all(re.fullmatch(r"0\.\d+(e-\d+)?", line) for line in same[0][:-1])
    assert (await acted(site, body, index=4, seed=7)).logs != same[0]
    assert (await acted(site, body, index=3, seed=8)).logs != same[0]


async def test_recorded_values_keep_their_units(site: Site) -> None:
    user = await acted(
        site,
        """user.record("depth", 12, "rows"); user.record("depth", 14, "rows"); user.record("open", 3.5);
        for (const bad of [-1, NaN, Infinity, "x", undefined]) await told(() => user.record("bad", bad));
        await told(() => user.record("", 1));""",
    )
    await asyncio.sleep(0)
    assert user.metrics["custom.depth"].unit == "rows"
    assert user.mean("custom.depth") == 13
    assert user.metrics["custom.open"].unit == "ms"
    assert user.logs[:5] == ['threw: record: "bad" must be a number from 0 up'] * 5
    assert user.logs[5] == "threw: record: wants a name"


async def test_log_takes_anything(site: Site) -> None:
    user = await acted(site, 'user.log("a", 1, { b: [2] }, null); user.log("x".repeat(2000));')
    assert user.logs[0] == 'a 1 {"b":[2]} null'
    assert len(user.logs[1]) == 501


async def test_identity_and_index_are_there(site: Site) -> None:
    user = await acted(
        site, "user.log(user.index, user.identity, user.visit, user.iteration);", index=5, identity={"serial": "S5"}
    )
    assert user.logs[0] == '5 {"serial":"S5"} 1 1'


async def test_synthetic_input_serves_where_there_is_no_trusted_one(site: Site) -> None:
    user = await acted(
        site,
        """await user.type("#name", "ab"); await user.press("Enter"); await user.click("#go");
        user.log(name_.value, window.keys.length, window.keys.at(-1), window.clicks);""",
        trusted_input=False,
    )
    assert user.logs[0] == 'ab 3 ["Enter","Enter",13,false,false,false] 0'
    assert user.inputs == []
    assert user.counter("actions") == 4


async def test_a_behaviour_that_throws_goes_on_with_the_next_iteration(site: Site) -> None:
    site.page("/", PAGE)
    source = (
        'export default async (user) => { if (user.iteration < 3) throw new Error("broken"); await user.think("60s"); }'
    )
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: u.failed("iteration") == 2 and u.session._iteration == 3)
        assert user.causes("behaviour") == {"broken": 2}
        assert user.counter("iterations_failed") == 2
        assert user.counter("iterations") == 2


async def test_a_behaviour_that_awaits_nothing_does_not_freeze_its_page(site: Site) -> None:
    site.page("/", PAGE)
    async with running_user(site.url + "/", "export default () => { window.calls = (window.calls ?? 0) + 1; }") as user:
        await user.until(lambda u: u.counter("iterations") > 20)
        assert await user.call("window.calls") > 20
        await user.finish()


async def test_think_and_pace_of_the_group_stand_between_iterations(site: Site) -> None:
    site.page("/", PAGE)
    async with running_user(site.url + "/", "export default async (user) => {}", pace_s=0.1) as user:
        await user.until(lambda u: u.counter("navigations") == 1)
        await asyncio.sleep(1.2)
        assert 7 <= user.counter("iterations") <= 25


BUSY = "const busy = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };"


async def test_with_a_pace_an_iteration_that_begins_late_counts_from_when_it_was_planned(site: Site) -> None:
    site.page("/", PAGE)
    source = f"{BUSY} export default async (user) => {{ if (user.iteration === 1) busy(1000); }}"
    async with running_user(site.url + "/", source, pace_s=0.3) as user:
        await user.until(lambda u: u.counter("iterations") >= 4)
        values = user.metrics["iteration"].values
        # 1000 ms of work, then three that do nothing and should have begun 700, 400 and 100 ms earlier.
        assert values.sum >= 1000 + 700 + 400 + 100 - 10
        assert values.max >= 999
        await user.finish()


async def test_a_page_that_stands_still_while_an_iteration_is_due_makes_that_iteration_longer(site: Site) -> None:
    site.page("/", PAGE)
    async with running_user(site.url + "/", "export default async (user) => {}", pace_s=0.3) as user:
        await user.until(lambda u: u.counter("iterations") >= 2)
        await user.call(f"(() => {{ {BUSY} busy(900); }})()")
        iterations = user.counter("iterations")
        await user.until(lambda u: u.counter("iterations") > iterations + 1)
        assert user.metrics["iteration"].values.max >= 900 - 300 - 10
        await user.finish()


async def test_a_page_load_does_not_forget_when_the_next_iteration_is_due(site: Site) -> None:
    site.page("/", PAGE)
    site.page("/next", PAGE)
    source = f"""{BUSY} export default async (user) => {{
      if (user.visit > 1) return;
      busy(1000);
      location.href = "/next";
      await new Promise(() => {{}});
    }}"""
    async with running_user(site.url + "/", source, pace_s=0.3) as user:
        await user.until(lambda u: u.count("iteration") >= 1)
        assert user.metrics["iteration"].values.max >= 1000 - 300 - 10
        await user.finish()


async def test_stopping_ends_the_open_step_and_starts_no_other(site: Site) -> None:
    site.page("/", PAGE)
    source = """export default async (user) => {
      await user.step("long", async () => {
        user.log("in step"); await user.think("60s"); await new Promise((resolve) => setTimeout(resolve, 100));
      });
      user.log("between");
      await user.step("next", () => {});
    }"""
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: "in step" in u.logs)
        await user.finish(2)
        assert user.count("step.long") == 1
        assert user.mean("step.long") < 400
        assert user.logs == ["in step", "between"]
        assert "step.next" not in user.metrics
        assert user.failed("iteration") == 0


async def test_a_behaviour_that_catches_everything_is_stopped_too(site: Site) -> None:
    site.page("/", PAGE)
    source = """export default async (user) => {
      for (;;) { try { await user.step("s", async () => { await user.think("10ms"); }); } catch { } }
    }"""
    async with running_user(site.url + "/", source) as user:
        await user.until(lambda u: u.count("step.s") > 3)
        async with asyncio.timeout(3):
            await user.finish(0.5)


async def test_a_trial_stops_after_each_step(site: Site) -> None:
    site.page("/", PAGE)
    source = """export default async (user) => {
      await user.step("a", () => {}); await user.step("b", () => user.fail("no"));
    }"""
    async with running_user(site.url + "/", source, trial=True) as user:
        for name, problem in (("a", ""), ("b", "no")):
            await user.until(lambda u, name=name: u.trials and u.trials[-1][0] == name)  # type: ignore[misc]
            assert user.trials[-1][2] == problem
            user.session.go_on()
        await user.until(lambda u: u.trials[-1][0] == "")
        assert user.trials[-1][2] == "no"
