"""What each engine can do: the one table behind plans, the worker, `carga doctor` and the reference."""

from math import ceil
from typing import get_args

import msgspec

from carga.model.plan import Engine, Group, Isolation, Rendering


class EngineTraits(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    """What people call the browser."""
    renderings: tuple[Rendering, ...]
    """The first is the default."""
    isolations: tuple[Isolation, ...]
    """The first is the default."""
    trusted_input: bool
    users_per_browser: int
    """With isolation `context`. A browser that dies takes so many users with it."""
    lacks: dict[str, str] = {}
    """What it does not have or measure, and what that means for a test."""
    missing: tuple[str, ...] = ()
    """Metrics and counters that it never gives."""
    unusable: dict[str, str] = {}
    """Keys of a group that a plan cannot have with it, and why."""
    agent_never: str = ""
    """A user agent that holds this, in whatever case, is not sent."""


_NO_REMOTE_CONTROL = (
    "WebDriver has none, so `GoBack`, `ColorF0Red`, `ChannelUp`, media and volume keys do not arrive in the page, and"
    " their `press` fails"
)

ENGINES: dict[Engine, EngineTraits] = {
    "chromium": EngineTraits(
        title="Chromium",
        renderings=("paced", "none", "full"),
        isolations=("context", "process", "container"),
        trusted_input=True,
        users_per_browser=50,
    ),
    "light": EngineTraits(
        title="Lightpanda",
        renderings=("none",),
        isolations=("context", "process"),
        trusted_input=False,
        users_per_browser=50,
        lacks={
            "drawing": "no layout as people see it: every element has a small box of its own, images are never decoded,"
            " nothing is ever covered or out of sight, transitions and CSS animations do not run and do not end",
            "trusted input": "keys and clicks are events made by a script: no default actions but those of links,"
            " buttons and forms, no :hover, and `isTrusted` is false",
            "web vitals, long tasks": "there is nothing to measure them by",
            "HTTP cache": "every page load asks for everything again; `cache` changes nothing",
            "what only drawing asks for": "fonts, background images, `<video>` and `<audio>` are not requested",
            "service workers": "`navigator.serviceWorker` and `caches` are not there, so applications do without",
            "WebRTC, Web Audio, media sources, WebGL": "pages that use them fail, by name: `not in light: …`",
            "events of a page that goes away": "`beforeunload` and `pagehide` are made by carga while the next document"
            " is awaited; one that its own script sends elsewhere may lose the last seconds of what it measured",
            "user agents with Mozilla in them": "Lightpanda refuses to pose as another browser; it also always sends"
            " `Sec-Ch-Ua: Lightpanda`",
            "time zone, number formats": "those of en-US and of the machine; `locale` reaches the server and"
            " `navigator.language`",
            "header fields of WebSockets": "`headers` are sent with requests, not with WebSocket handshakes",
            "causes of failed WebSockets": "all of them are `closed before it was open`",
            "a sandbox": "it runs as an unprivileged user, as Chromium does; load only pages that you trust",
        },
        unusable={"timezone": "it has the time zone of the machine"},
        agent_never="mozilla",
        missing=(
            "request.font",
            "request.media",
            "navigation.ttfb",
            "long_task",
            "vitals.fcp",
            "vitals.lcp",
            "vitals.cls",
            "vitals.inp",
            "requests_from_cache",
        ),
    ),
    "firefox": EngineTraits(
        title="Firefox",
        renderings=("full",),
        isolations=("context",),
        trusted_input=True,
        users_per_browser=20,
        lacks={
            "focus": "only one window of a browser has it: keys reach every page, but `document.hasFocus()` is false"
            " and elements get no `focus` and `blur` events",
            "identity in workers": "user agent, header fields and locale reach the page, its requests and its"
            " WebSockets (the locale not these); what dedicated workers ask for has the header fields, what shared and"
            " service workers ask for has none of it. Cookies are everywhere",
            "keys of remote controls": _NO_REMOTE_CONTROL,
            "statuses that other origins hide": "such an answer of 400 and above counts as a success",
            "causes of refused WebSockets": "without the status that the server gave",
            "layout shifts, long tasks": "Firefox does not publish them",
            "one try for each request": "Firefox repeats a request whose connection was reset up to nine times; it is"
            " counted once",
        },
        missing=("long_task", "vitals.cls"),
    ),
    "webkit": EngineTraits(
        title="WebKitGTK",
        renderings=("full",),
        isolations=("process",),
        trusted_input=True,
        users_per_browser=1,
        lacks={
            "many users in a browser": "each user has a MiniBrowser, a driver and a display of its own",
            "identity in workers": "header fields reach neither service workers' requests nor WebSocket handshakes;"
            " shared workers' requests have neither them nor the user agent",
            "keys of remote controls": _NO_REMOTE_CONTROL,
            "entries of failed requests": "images, scripts and XMLHttpRequests that the network failed count as"
            " `request.other`, when their document ends",
            "a cache on disk": "scripts, styles and images are kept in the memory of the page's process; what `fetch`"
            " asks for is asked for again",
            "time-outs of the application": "a request that `AbortSignal.timeout` ends counts as cancelled",
            "causes of refused WebSockets": "without the status that the server gave",
            "most web vitals, long tasks": "WebKitGTK publishes First Contentful Paint alone",
            "dialogs": "`alert`, `confirm` and `prompt` are answered at once by carga, without the browser",
            "windows that a page opens": "they have no identity, and are not measured",
            "a sandbox": "MiniBrowser runs pages without one, as an unprivileged user; load only pages that you trust",
        },
        missing=("long_task", "vitals.lcp", "vitals.cls", "vitals.inp"),
        unusable={"locale": "its language is that of the machine; `headers` may say another Accept-Language"},
    ),
}
"""The engines of this version."""


class BrowserKind(msgspec.Struct, frozen=True):
    """Users share a browser only when all of this is the same."""

    engine: Engine = "chromium"
    isolation: Isolation = "context"
    rendering: Rendering = "paced"

    @property
    def alone(self) -> bool:
        """Whether each user has a browser of its own."""
        return self.isolation != "context"

    @property
    def users_max(self) -> int:
        return 1 if self.alone else ENGINES[self.engine].users_per_browser


def kind_of(group: Group, index: int) -> BrowserKind:
    """What the page of user `index` runs in."""
    rendering: Rendering = "full" if in_full_sample(group, index) else group.rendering
    return BrowserKind(group.engine, group.isolation, rendering)


def in_full_sample(group: Group, index: int) -> bool:
    """Whether user `index` belongs to the visible sample. Spread evenly over the group, which has at least one."""
    position = index - group.first_index
    share = group.full_sample
    return ceil((position + 1) * share) > ceil(position * share)


def known_to_any(trait: str) -> tuple[str, ...]:
    """The `renderings` or `isolations` that at least one engine has, in the order of the design."""
    words = {"renderings": Rendering, "isolations": Isolation}[trait]
    return tuple(word for word in get_args(words) if any(word in getattr(one, trait) for one in ENGINES.values()))
