"""Applications that live on frames do the same in every rendering that draws: requests, document, step outcome."""

from typing import NamedTuple

import pytest

from carga.engines.chromium.browser import ChromiumBrowser, ChromiumEngine
from carga.model.plan import Rendering
from tests.support.site import Site
from tests.support.user import HeardUser, start_user

pytestmark = pytest.mark.e2e

ACT = """export default async (user) => {
  await user.waitFor(() => document.readyState === "complete");
  await user.step("act", async () => {
    await user.press("Enter");
    await user.waitFor(() => document.body.dataset.done === "1", { timeout: "%s" });
  });
  await user.think("1h");
}"""
PATIENCE = {"none": "1.5s", "paced": "20s", "full": "20s"}
DONE = "const done = (text) => { result.textContent = text; document.body.dataset.done = '1'; };"


class App(NamedTuple):
    html: str
    requests: tuple[str, ...]
    """Beside the page itself, without their order."""
    result: str
    stalls: bool = True
    """Whether it waits for ever where no frames are drawn."""


VIRTUAL_LIST = """<ul id=list style="height:300px;overflow:auto"></ul><p id=result></p><script>
  const shown = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && more());
  let pages = 0, last = null;
  async function more() {
    if (last) shown.unobserve(last);
    if (pages === 4) return done(list.children.length + " rows");
    const { answer } = await (await fetch("/json?page=" + ++pages)).json();
    for (let i = 0; i < 20; i++) list.append(Object.assign(document.createElement("li"), { textContent: answer + i }));
    shown.observe((last = list.lastChild));
  }
  list.addEventListener("scroll", () => requestAnimationFrame(() => { list.dataset.top = list.scrollTop > 0; }));
  addEventListener("keydown", async () => {
    await more();
    for (let i = 1; i < 60; i++) { list.scrollTop = list.scrollHeight; await new Promise((go) => setTimeout(go, 50)); }
  });
</script>"""
TRANSITION = """<style>#box { opacity: 1; width: 10px; transition: opacity .3s, width .2s .1s }
  body.open #box { opacity: .25; width: 100px }</style><div id=box>box</div><p id=result></p><script>
  const ended = [];
  box.addEventListener("transitionend", async (event) => {
    ended.push(event.propertyName);
    await fetch("/json?ended=" + event.propertyName);
    const { width, opacity } = getComputedStyle(box);
    if (ended.length === 2) done([...ended.sort(), width, opacity].join(" "));
  });
  addEventListener("keydown", () => document.body.classList.add("open"));
</script>"""
LAZY = """<p id=result></p><div style="height:20000px">far</div>
  <img id=one loading=lazy width=10 height=10 src="/image.png?lazy=1"><script>
  one.addEventListener("load", () => done("image " + one.naturalWidth));
  addEventListener("keydown", () => scrollTo(0, document.documentElement.scrollHeight));
</script>"""
SPINNER = """<style>
  @keyframes turn { to { transform: rotate(1turn) } }
  #spinner { animation: turn .4s linear infinite }
</style>
  <div id=spinner>*</div><p id=result></p><script>
  let turns = 0;
  spinner.addEventListener("animationiteration", () => { turns++; });
  addEventListener("keydown", async () => {
    const begun = turns;
    await fetch("/json?work=1");
    const wait = setInterval(() => { if (turns >= begun + 3) { clearInterval(wait); done("turns"); } }, 20);
  });
</script>"""
RAF = """<p id=result></p><ul id=list></ul><script>
  const queue = [];
  const render = () => { while (queue.length) queue.shift()(); };
  const setState = (change) => { if (queue.push(change) === 1) requestAnimationFrame(render); };
  addEventListener("keydown", () => setState(async () => {
    list.innerHTML = "<li>loading";
    const { answer } = await (await fetch("/json?state=1")).json();
    setState(() => {
      list.innerHTML = "<li>" + answer;
      const begun = performance.now();
      let true_times = 0;
      const tween = (time) => {
        if (Math.abs(performance.now() - time) < 1000) true_times++;
        if (performance.now() - begun < 300) return requestAnimationFrame(tween);
        done(list.textContent + (true_times ? " in time" : " out of time"));
      };
      requestAnimationFrame(tween);
    });
  }));
</script>"""
RESIZE = """<textarea id=area style="width:100px"></textarea><p id=result></p><script>
  new ResizeObserver(async ([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width !== 300) return;
    await fetch("/json?width=" + width);
    done("wide");
  }).observe(area);
  area.style.padding = area.style.border = 0;
  addEventListener("keydown", () => { area.style.width = "300px"; });
</script>"""
SHADOW = """<p id=result></p><div id=host></div><script>
  const root = host.attachShadow({ mode: "closed" });
  root.innerHTML = "<style>b { transition: opacity .2s } b.gone { opacity: 0 }</style><b>inside</b>";
  const bold = root.querySelector("b");
  bold.addEventListener("transitionend", () => fetch("/json?faded=1").then(() => done("faded")));
  addEventListener("keydown", () => { bold.className = "gone"; });
</script>"""
SCRIPTED = """<p id=result></p><div id=box>box</div><script>
  addEventListener("keydown", async () => {
    await box.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 250, delay: 150 }).finished;
    await fetch("/json?finished=1");
    done("finished");
  });
</script>"""
FRAMED = """<p id=result></p><iframe id=inner src="/inner"></iframe><script>
  addEventListener("message", (event) => done(event.data));
  addEventListener("keydown", () => inner.contentWindow.postMessage("go"));
</script>"""
INNER = """<script>addEventListener("message", () => requestAnimationFrame(() => requestAnimationFrame(() =>
  fetch("/json?inner=1").then(() => parent.postMessage("drawn inside")))));</script>"""
STYLE_ONLY = """<style>body.open #box { background: url("/image.png?background=1") }</style><div id=box>box</div>
  <p id=result></p><script>
  addEventListener("keydown", () => {
    document.body.classList.add("open");
    new PerformanceObserver((list, observer) => done("background")).observe({ type: "resource" });
  });
</script>"""
SMOOTH = """<p id=result></p><div style="height:9000px">far</div><script>
  const ended = () => fetch("/json?scrolled=" + (scrollY > 4900)).then(() => done("there"));
  addEventListener("scrollend", ended, { once: true }); // Chromium may tell it twice
  addEventListener("keydown", () => scrollTo({ top: 5000, behavior: "smooth" }));
</script>"""
VIEW = """<p id=result></p><h1 id=head>before</h1><script>
  addEventListener("keydown", async () => {
    await document.startViewTransition(() => { head.textContent = "after"; }).finished;
    await fetch("/json?view=" + head.textContent);
    done("changed");
  });
</script>"""
IDLE = """<p id=result></p><script>
  addEventListener("keydown", () => setTimeout(() => requestIdleCallback(async () => {
    await fetch("/json?idle=1");
    done("idle");
  }), 700));
</script>"""
PLAIN = """<p id=result></p><script>
  addEventListener("keydown", async () => done((await (await fetch("/json?plain=1")).json()).answer));
</script>"""

APPS = {
    "virtual list": App(VIRTUAL_LIST, tuple(f"/json?page={page}" for page in (1, 2, 3, 4)), "80 rows"),
    "transition": App(TRANSITION, ("/json?ended=opacity", "/json?ended=width"), "opacity width 100px 0.25"),
    "lazy image": App(LAZY, ("/image.png?lazy=1",), "image 1"),
    "spinner": App(SPINNER, ("/json?work=1",), "turns"),
    "requestAnimationFrame": App(RAF, ("/json?state=1",), "42 in time"),
    "ResizeObserver": App(RESIZE, ("/json?width=300",), "wide"),
    "shadow tree": App(SHADOW, ("/json?faded=1",), "faded"),
    "scripted animation": App(SCRIPTED, ("/json?finished=1",), "finished"),
    "frame of a page": App(FRAMED, ("/inner", "/json?inner=1"), "drawn inside"),
    "smooth scroll": App(SMOOTH, ("/json?scrolled=true",), "there"),
    "view transition": App(VIEW, ("/json?view=after",), "changed"),
    "requestIdleCallback": App(IDLE, ("/json?idle=1",), "idle"),
    "picture of a style": App(STYLE_ONLY, ("/image.png?background=1",), "background", stalls=False),
    "plain": App(PLAIN, ("/json?plain=1",), "42", stalls=False),
}


async def opened(browser: ChromiumBrowser, site: Site, app: App, rendering: Rendering, index: int = 0) -> HeardUser:
    site.page("/inner", INNER)
    site.page("/app", f"<!doctype html><body><script>{DONE}</script>{app.html}")
    behaviour = ACT % PATIENCE[rendering]
    return await start_user(browser, site.url + "/app", behaviour, rendering=rendering, index=index)


@pytest.mark.parametrize("rendering", ["none", "paced", "full"])
@pytest.mark.parametrize("name", APPS)
async def test_an_application_does_the_same_in_every_rendering_that_draws(
    site: Site, name: str, rendering: Rendering
) -> None:
    app = APPS[name]
    browser = await ChromiumEngine().open_browser(rendering)
    try:
        user = await opened(browser, site, app, rendering)
        await user.until(lambda u: u.count("step.act") or u.failed("step.act"), timeout_s=40)
        if rendering == "none" and app.stalls:
            assert user.failed("step.act") == 1, "carga says so where an application stands still"
            return
        assert user.failed("step.act") == 0, user.messages("step")
        asked = sorted(
            seen.path + "".join(f"?{key}={value}" for key, value in seen.query.items())
            for seen in site.requests
            if seen.path not in ("/app", "/favicon.ico")
        )
        assert asked == sorted(app.requests)
        assert await user.call("result.textContent") == app.result
        assert await user.call("document.visibilityState") == "visible"
        assert user.counter("page_errors") == 0
    finally:
        await browser.close()
