"""Puts the runtime, a group's settings and its behaviour together into the script that every document runs first."""

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from carga.model.plan import Group, Rendering
from carga.page.behaviour import prepare_behaviour

_PARTS = (
    "channel.js",
    "requests.js",
    "measure.js",
    "sockets.js",
    "keys.js",
    "waits.js",
    "inputs.js",
    "user.js",
    "loop.js",
)


class Names(msgspec.Struct, frozen=True):
    """How page and worker find each other; made anew for each run, so that no page counts on them."""

    binding: str
    control: str


@cache
def _runtime() -> str:
    return "\n".join((files("carga.page") / part).read_text(encoding="utf-8") for part in _PARTS)


def bundle(
    group: Group,
    *,
    behaviour_source: str,
    seed: int,
    names: Names,
    rendering: Rendering | None = None,
    trusted_input: bool = True,
    trial: bool = False,
) -> str:
    """The script for one group, in the group's rendering or another. Raises BehaviourError, see `prepare_behaviour`."""
    rendering = rendering or group.rendering
    config: dict[str, Any] = {
        "frames": rendering == "full",
        "trusted": trusted_input,
        "trial": trial,
        "seed": seed,
        "timeoutMs": round(group.timeout_s * 1000),
        "thinkMs": [round(bound * 1000) for bound in group.think_s],
        "paceMs": round(group.pace_s * 1000),
    }
    behaviour = prepare_behaviour(group.behaviour, behaviour_source) if group.behaviour else "null"
    # The behaviour stands on the first line, so that the lines of its errors are those of its file.
    return (
        f"(([BEHAVIOUR_OF, run]) => run(BEHAVIOUR_OF))([() => {behaviour}, (BEHAVIOUR_OF) => {{\n"
        f'"use strict";\nconst CONFIG = {_json(config)};\nconst NAMES = {_json(names)};\n'
        f"if (window !== window.top || !window[NAMES.binding]) return;\n{_runtime()}\n"
        f"}}]);\n//# sourceURL={_source_name(group)}"
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode().replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _source_name(group: Group) -> str:
    return (group.behaviour or "carga").replace("\n", "").replace(" ", "%20")
