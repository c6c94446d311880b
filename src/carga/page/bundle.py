"""Puts the runtime, a group's settings and its behaviour together into the script that every document runs first."""

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from carga.model.plan import Engine, Group, Rendering
from carga.page.behaviour import prepare_behaviour

_PARTS = (
    "channel.js",
    "requests.js",
    "measure.js",
    "sockets.js",
    "keys.js",
    "waits.js",
    "synthetic.js",
    "inputs.js",
    "user.js",
    "loop.js",
)
_PARTS_OF_ENGINE: dict[Engine, tuple[str, ...]] = {"light": ("light.js",)}
"""Before the last part, which starts the user."""
IDLE_BEAT_MS = 2000
"""How often a page shows a sign of life in which nothing happens."""
_IDLE_BEAT_MS_OF_ENGINE: dict[Engine, int] = {"light": 10_000}
"""Of thousands of pages, signs of life would be most of what a worker hears."""


class Names(msgspec.Struct, frozen=True):
    """How page and worker find each other; made anew for each run, so that no page counts on them."""

    binding: str
    control: str


_EVERYWHERE = "frames.js"
"""This part runs in the frames of a page too."""


@cache
def _runtime(*parts: str) -> str:
    return "\n".join((files("carga.page") / part).read_text(encoding="utf-8") for part in parts)


def bundle(
    group: Group,
    *,
    behaviour_source: str,
    seed: int,
    names: Names,
    rendering: Rendering | None = None,
    trusted_input: bool = True,
    trial: bool = False,
    iterations: int = 0,
) -> str:
    """The script for one group, in the group's rendering or another. Raises BehaviourError, see `prepare_behaviour`.

    `iterations` is how often the behaviour is called; 0: for as long as the user runs.
    """
    rendering = rendering or group.rendering
    config: dict[str, Any] = {
        "frames": rendering == "full",
        "trusted": trusted_input,
        "trial": trial,
        "light": group.engine == "light",
        "idleBeatMs": _IDLE_BEAT_MS_OF_ENGINE.get(group.engine, IDLE_BEAT_MS),
        "iterations": iterations,
        "seed": seed,
        "timeoutMs": round(group.timeout_s * 1000),
        "thinkMs": [round(bound * 1000) for bound in group.think_s],
        "paceMs": round(group.pace_s * 1000),
    }
    behaviour = prepare_behaviour(group.behaviour, behaviour_source) if group.behaviour else "null"
    parts = (*_PARTS[:-1], *_PARTS_OF_ENGINE.get(group.engine, ()), _PARTS[-1])
    # The behaviour stands on the first line, so that the lines of its errors are those of its file.
    return (
        f"(([BEHAVIOUR_OF, run]) => run(BEHAVIOUR_OF))([() => {behaviour}, (BEHAVIOUR_OF) => {{\n"
        f'"use strict";\nconst CONFIG = {_json(config)};\nconst NAMES = {_json(names)};\n'
        f"if (!window[NAMES.binding]) return;\n{_runtime(_EVERYWHERE)}\n"
        f"if (window !== window.top) return;\n{_runtime(*parts)}\n"
        f"}}]);\n//# sourceURL={_source_name(group)}"
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode().replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _source_name(group: Group) -> str:
    return (group.behaviour or "carga").replace("\n", "").replace(" ", "%20")
