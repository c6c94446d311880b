"""Every key of a plan: what it holds and what it is for. The reader and the JSON Schema are both made from this."""

from typing import get_args

from carga.model.engines import ENGINES, known_to_any
from carga.model.parts import SAMPLE
from carga.model.plan import Engine, Isolation, Rendering, Statistic
from carga.model.plan_kinds import (
    Choice,
    Duration,
    DurationRange,
    Field,
    Flag,
    Integer,
    Kind,
    Percent,
    Schema,
    Size,
    Table,
    Tables,
    TemplateText,
    Text,
    TextMap,
)
from carga.model.plan_limits import SCHEMA_PATTERNS
from carga.model.thresholds import FAMILIES, METRICS, VALUE_STATISTICS, WEBSOCKETS
from carga.model.windows import COUNTERS

AVAILABLE: dict[str, tuple[str, ...]] = {
    "engine": tuple(ENGINES),
    "isolation": known_to_any("isolations"),
    "rendering": known_to_any("renderings"),
}
"""What this version can do, of the words that plans know."""

USERS_MAX = 1_000_000
GROUPS_MAX = 100
STAGES_MAX = 1000
THRESHOLDS_MAX = 200
COOKIES_MAX = 100
SIDE_PX_MAX = 16_384
SEED_MAX = 2**53 - 1
"""The largest integer that JavaScript holds exactly."""

_NAME = Text("a name of 1 to 80 characters", "viewers", length_max=80)
_PATH = Text("a path", "zapper.js", length_max=1024)
FIELD_NAME = Text("a field name without braces, colons and outer spaces", "serial", r"^[^{}:\s]([^{}:]*[^{}:\s])?$", 80)
_TOKEN = Text("a name as HTTP allows it", "X-Device", r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", 256)
_ELSEWHERE = {
    "user-agent": "Use user_agent instead.",
    "cookie": "Use [[users.cookies]] instead.",
    "host": "The browser sets it from the URL.",
}
_FILLED = "May hold {index} and identity fields."

_COOKIE = Table(
    (
        Field("name", _TOKEN, "Name of the cookie.", required=True),
        Field("value", TemplateText(), f"Value of the cookie. {_FILLED}", required=True),
        Field(
            "domain",
            Text("a host name", "example.org", r"^\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", 253),
            "Host that gets the cookie; left out: the host of the user's URL.",
        ),
        Field(
            "path", Text("a path", "/", r"^/[^\u0000-\u001f\u007f;]*$", 1024), "Path that gets the cookie.", default="/"
        ),
        Field("secure", Flag(), "Whether only HTTPS carries the cookie.", default=False),
        Field("http_only", Flag(), "Whether the cookie is hidden from scripts.", default=False),
    ),
    "[[users.cookies]]",
)


def _choice(key: str, words: object) -> Choice:
    return Choice(get_args(words), AVAILABLE[key])


_GROUP = Table(
    (
        Field("name", _NAME, 'Name of the group; left out: "users", "users-2" and so on.'),
        Field("count", Integer(1, USERS_MAX), "Number of users in the group.", required=True),
        Field("url", TemplateText(), f"URL for this group in place of the target's. {_FILLED}"),
        Field("engine", _choice("engine", Engine), "What a user's page runs in.", default="chromium"),
        Field("isolation", _choice("isolation", Isolation), "What separates users.", default="context"),
        Field(
            "rendering",
            _choice("rendering", Rendering),
            f"How many frames a page draws; left out: {ENGINES['chromium'].renderings[0]}, or what the engine has.",
        ),
        Field(
            "full_sample",
            Percent(),
            'Share of the users that draw all frames whatever rendering says, such as "2%", at least one: they give '
            "web vitals, and tell whether the others' latencies are those of a drawn page.",
        ),
        Field("behaviour", _PATH, "JavaScript file that acts for the user; left out: the page drives itself."),
        Field("user_agent", TemplateText(), f"User agent; left out: the browser's own. {_FILLED}"),
        Field("cache", Flag(), "Whether the browser may cache.", default=True),
        Field("viewport", Size(SIDE_PX_MAX), "Width and height of the page in pixels.", default=[1280, 720]),
        Field(
            "locale",
            Text("a language tag", "de-DE", r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", 35),
            "Language of the browser; left out: its own.",
        ),
        Field(
            "timezone",
            Text("a time zone", "Europe/Berlin", r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", 64),
            "Time zone of the browser; left out: the machine's.",
        ),
        Field(
            "headers", TextMap(_TOKEN, TemplateText(), _ELSEWHERE), f"Extra HTTP headers of every request. {_FILLED}"
        ),
        Field("cookies", Tables(_COOKIE, COOKIES_MAX), "Cookies that the user starts with."),
        Field(
            "start_delay",
            Duration(),
            "How long each user waits before it opens its page.",
            default="0s",
            attribute="start_delay_s",
        ),
        Field(
            "think",
            DurationRange(),
            "Pause between two iterations of the behaviour; of two times, any between them.",
            default="0s",
            attribute="think_s",
        ),
        Field(
            "pace",
            Duration(),
            "Time from the start of one iteration to the start of the next; 0s: as soon as possible. The first one "
            "starts at a random moment of that time, so that users who start together do not act in step.",
            default="0s",
            attribute="pace_s",
        ),
        Field(
            "timeout",
            Duration(zero=False),
            "Longest wait inside the behaviour where a call names none.",
            default="30s",
            attribute="timeout_s",
        ),
        Field(
            "identity",
            TextMap(
                FIELD_NAME,
                TemplateText(),
                {"index": "Every user has {index} already; give the field another name."},
            ),
            "Identity fields of each user. May hold {index} and CSV columns; must be unique in the whole run.",
        ),
        Field("data", _PATH, "CSV file with a header; each user gets one row, its columns are identity fields."),
        Field("reuse", Flag(), "Whether rows of the CSV may serve more than one user.", default=False),
    ),
    "[[users]]",
)

_STAGE = Table(
    (
        Field("users", Integer(0, USERS_MAX), "Number of users at the end of the stage.", required=True),
        Field(
            "over",
            Duration(),
            "How long the stage takes to get there in a straight line; 0s: at once.",
            required=True,
            attribute="over_s",
        ),
    ),
    "[[load]]",
)


class Written(Kind):
    """A value that `plan_file` reads itself, since its meaning depends on the metric."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def take(self, value: object) -> object:
        return value

    def schema(self) -> Schema:
        return self._schema


_METRIC = Written(
    {
        "anyOf": [
            {"enum": [*METRICS, WEBSOCKETS, *(name for name in COUNTERS if name not in METRICS)]},
            {"enum": [SAMPLE + name for name in METRICS if not name.startswith("generator.")]},
            {
                "type": "string",
                "pattern": f"^({SAMPLE.rstrip('.')}\\.)?({'|'.join(family.rstrip('.') for family in FAMILIES)})\\..+$",
            },
        ]
    }
)
_VALUE = Written({"type": ["string", "number"], "minimum": 0})
_LIMITS: dict[Statistic, tuple[Kind, str]] = {
    **{
        name: (
            _VALUE,
            f'Bound of the {name}, such as "800ms"; a number where the metric has no time. At most, or ">= …".',
        )
        for name in VALUE_STATISTICS
    },
    "failed": (
        Written({"anyOf": [{"type": "string", "pattern": SCHEMA_PATTERNS["failed"]}, {"const": 0}]}),
        'Share of attempts that may fail, such as "1%".',
    ),
    "count": (
        Written(
            {"anyOf": [{"type": "string", "pattern": SCHEMA_PATTERNS["count"]}, {"type": "integer", "minimum": 0}]}
        ),
        'How many there may be at most, such as 0; or at least, such as ">= 100".',
    ),
    "rate": (
        Written({"type": "string", "pattern": SCHEMA_PATTERNS["rate"]}),
        'How many a second there must be at least, such as "10/s"; or at most, such as "<= 10/s".',
    ),
}

_THRESHOLD = Table(
    (
        Field("metric", _METRIC, "What must hold: a step, requests, websockets, page_errors …", required=True),
        *(Field(statistic, *_LIMITS[statistic]) for statistic in get_args(Statistic)),
    ),
    "[[threshold]]",
    rule=lambda: {"minProperties": 2},
)

_TARGET = Table(
    (Field("url", TemplateText(), f"Where every user begins, http:// or https://. {_FILLED}"),),
    "[target]",
)

PLAN = Table(
    (
        Field("seed", Integer(0, SEED_MAX), "Seeds every random choice of the users.", default=1),
        Field("target", _TARGET, "What to load. Left out only where every group has its own url."),
        Field("users", Tables(_GROUP, GROUPS_MAX, 1), "Groups of users.", required=True),
        Field("load", Tables(_STAGE, STAGES_MAX), "The load profile; left out: all users at once for 1 minute."),
        Field(
            "threshold",
            Tables(_THRESHOLD, THRESHOLDS_MAX),
            'What must hold for the verdict "passed"; left out: requests failed <= 5 %, and where a group has a '
            "behaviour also iteration failed <= 5 %.",
        ),
    ),
    "a plan",
)
