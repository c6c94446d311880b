#!/usr/bin/env python3
"""Fills in the parts of docs/ that are made from the code, so that they cannot go stale.

    .venv/bin/python scripts/make_reference.py

A page marks such a part with `<!-- made: NAME -->` and `<!-- end -->`; all else in it is written by hand. A test makes
every part again and compares.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from cyclopts import App

from carga.cli.app import build_app
from carga.demo.illness import ILLNESSES
from carga.model import plan_kinds as kinds
from carga.model.engines import ENGINES, EngineTraits
from carga.model.plan import Isolation, Rendering
from carga.model.plan_fields import PLAN, Written
from carga.model.thresholds import METRICS
from carga.model.windows import COUNTERS
from carga.results import database, derived

ENGINE_KEYS = ("user_agent", "headers", "cookies", "locale", "timezone", "viewport", "cache")
"""Keys of a group that the browser has to do something about."""
OF_CARGA = (
    *("user.start", "browser_crashes", "page_crashes", "gpu_crashes", "users_released", "users_not_admitted"),
    *("samples_dropped", "metrics_dropped", "steps_cut_off"),
)
"""What is counted outside of the page, whatever the engine."""
DOCS = Path(__file__).parent.parent / "docs"
_PART = re.compile(r"(?P<begin><!-- made: (?P<name>[a-z0-9-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
_PARAMETERS = re.compile(r"\n\nParameters\n-+\n(?P<parameters>.*)", re.DOTALL)
_PARAMETER = re.compile(r"^(?P<name>\w+)\n(?P<help>(?: {4}.+\n?)+)", re.MULTILINE)
_MEMBER = re.compile(r" {4}/\*\* (?P<about>.*?) \*/\n {4}(?P<signature>[^\n]+);\n", re.DOTALL)


def render(text: str) -> str:
    """The page with every part in it made anew. Raises KeyError for a part that nobody makes."""
    return _PART.sub(lambda part: f"{part['begin']}\n{PARTS[part['name']]().strip()}\n\n{part['end']}", text)


def pages() -> list[Path]:
    return sorted(path for path in DOCS.rglob("*.md") if _PART.search(path.read_text(encoding="utf-8")))


# --- the plan --------------------------------------------------------------------------------------------


def plan_table(*path: str) -> str:
    """The keys of one table of the plan; `path` leads to it from the top."""
    table = _table(path)
    rows = [("key", "type", "left out", "meaning")]
    for entry in table.fields:
        absent = "**required**" if entry.required else "-" if entry.default is None else f"`{_toml(entry.default)}`"
        rows.append((f"`{entry.key}`", _kind(entry.key, entry.kind), absent, entry.description))
    return _markdown(rows)


def _table(path: tuple[str, ...]) -> kinds.Table:
    table = PLAN
    for key in path:
        kind = next(entry.kind for entry in table.fields if entry.key == key)
        inner = kind.table if isinstance(kind, kinds.Tables) else kind
        assert isinstance(inner, kinds.Table)
        table = inner
    return table


def _kind(key: str, kind: kinds.Kind) -> str:
    """What a value looks like, in words."""
    match kind:
        case kinds.Choice():
            return " or ".join(f'`"{word}"`' for word in kind.available)
        case kinds.Integer():
            return f"whole number, {kind.minimum:,} to {kind.maximum:,}"
        case kinds.Flag():
            return "`true` or `false`"
        case kinds.Duration():
            return "time" if kind.zero else "time above 0"
        case kinds.DurationRange():
            return "time, or a list of two"
        case kinds.Percent():
            return 'share, such as `"2%"`'
        case kinds.Size():
            return f"`[width, height]`, each 1 to {kind.side_max:,}"
        case kinds.TextMap():
            return "table of templates"
        case kinds.TemplateText():
            return "template"
        case kinds.Text():
            return f"text, such as `{kind.like}`"
        case kinds.Tables():
            return f"up to {kind.count_max:,} tables"
        case kinds.Table():
            return "table"
        case Written():
            return {"metric": "name of a metric", "failed": "share", "count": "whole number", "rate": "rate"}.get(
                key, "time or number"
            )
    raise TypeError(f"no words for {type(kind).__name__}")


def _toml(value: object) -> str:
    return json.dumps(value)


# --- the command line ------------------------------------------------------------------------------------


def cli() -> str:
    return "\n\n".join(_command(name, command) for name, command in commands(build_app()))


def commands(app: App, chain: tuple[str, ...] = ()) -> Iterator[tuple[str, App]]:
    """Every command that does something, with its whole name, in the order of the help."""
    for name in app.resolved_commands():
        if name.startswith("-"):
            continue
        command = app[name]
        if command.default_command:
            yield " ".join((*chain, name)), command
        else:
            yield from commands(command, (*chain, name))


def options(command: App) -> Iterator[tuple[str, Any]]:
    """(name, argument) of everything that can be given; hidden ones are left out."""
    for argument in command.assemble_argument_collection():
        if argument.show:
            yield argument.names[0], argument


def _command(name: str, command: App) -> str:
    about = inspect.getdoc(command.default_command) or ""
    described: dict[str, str] = {}
    if parameters := _PARAMETERS.search(about):
        described = {
            found["name"].upper(): " ".join(found["help"].split())
            for found in _PARAMETER.finditer(parameters["parameters"])
        }
        about = about[: parameters.start()]
    rows = [("argument or option", "meaning")]
    usage = [f"carga {name}"]
    for option, argument in options(command):
        help_ = argument.parameter.help or described.get(option, "")
        if not option.startswith("-"):
            usage.append(option if argument.required else f"[{option}]")
        value = "" if not option.startswith("-") or argument.hint is bool else f" {_value(argument.hint)}"
        must = " Required." if argument.required else _default(argument, help_)
        rows.append((f"`{option}{value}`", f"{help_}{must}"))
        if argument.required and option.startswith("-"):
            usage.append(f"{option}{value}")
    usage.append("[OPTIONS]" if any(option.startswith("-") for option, _ in options(command)) else "")
    table = f"\n\n{_markdown(rows)}" if len(rows) > 1 else ""
    return f"### carga {name}\n\n```text\n{' '.join(filter(None, usage))}\n```\n\n{about}{table}"


def _default(argument: Any, help_: str) -> str:
    """For options whose help does not tell what happens without them."""
    default = argument.field_info.default
    if "left out" in help_.lower() or not default or not isinstance(default, str | int):
        return ""
    return f" Left out: {default}."


def _value(hint: object) -> str:
    text = str(hint)
    return next((word for word in ("PATH", "INT", "FLOAT") if word.lower() in text.lower()), "TEXT")


# --- the rest --------------------------------------------------------------------------------------------


def behaviour() -> str:
    """One heading for each member of `user`."""
    members: dict[str, list[tuple[str, str]]] = {}
    declarations = (files("carga.page") / "carga.d.ts").read_text(encoding="utf-8")
    for found in _MEMBER.finditer(declarations.partition("interface User {\n")[2]):
        signature = found["signature"]
        name = re.sub(r"^readonly ", "", signature).split("(")[0].split("<")[0].split(":")[0].rstrip("?")
        members.setdefault(name, []).append((signature, " ".join(found["about"].split())))
    parts = []
    for name, forms in members.items():
        body = "\n\n".join(f"```ts\n{signature}\n```\n\n{about}" for signature, about in forms)
        parts.append(f"### {name}\n\n{body}")
    return "\n\n".join(parts)


def types() -> str:
    return f"```ts\n{(files('carga.page') / 'carga.d.ts').read_text(encoding='utf-8').strip()}\n```"


def sql(text: str) -> str:
    return f"```sql\n{text.strip()}\n```"


def illnesses() -> str:
    rows = [("`--ill`", "value", "what it does", "what a run shows")]
    rows += [
        (f"`{illness.name}={illness.default:g}`", illness.unit, illness.does, illness.seen_as) for illness in ILLNESSES
    ]
    return _markdown(rows)


def engines() -> str:
    """A row for each thing that an engine may have, a column for each engine."""
    rows = [("", *(traits.title for traits in ENGINES.values()))]

    def row(name: str, cell: Callable[[EngineTraits], str]) -> None:
        rows.append((name, *(cell(traits) for traits in ENGINES.values())))

    for kind, words in (("rendering", get_args(Rendering)), ("isolation", get_args(Isolation))):
        for word in words:
            row(f'`{kind} = "{word}"`', lambda traits, kind=kind, word=word: _offered(traits, kind, word))
    row("users a browser", lambda traits: f"{traits.users_per_browser}")
    row("trusted input", lambda traits: "yes" if traits.trusted_input else "-")
    for key in ENGINE_KEYS:
        row(f"`{key}`", lambda traits, key=key: "-" if key in traits.unusable else "yes")
    for name in (*METRICS[1:], *(name for name in COUNTERS if name not in METRICS)):
        if name not in OF_CARGA:
            row(f"`{name}`", lambda traits, name=name: _given(traits, name))
    return _markdown(rows)


def _offered(traits: EngineTraits, kind: str, word: str) -> str:
    offered: tuple[str, ...] = getattr(traits, f"{kind}s")
    return "-" if word not in offered else "yes *" if word == offered[0] else "yes"


def _given(traits: EngineTraits, metric: str) -> str:
    if metric in traits.missing or (metric == "generator.input_delay" and not traits.trusted_input):
        return "-"
    return "yes"


def engine_lacks() -> str:
    parts = []
    for traits in ENGINES.values():
        if traits.lacks or traits.unusable:
            lines = [f"- **{what}**: {means}" for what, means in traits.lacks.items()]
            lines += [f"- **`{key}`**: {why}" for key, why in traits.unusable.items()]
            parts.append(f"### {traits.title}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _markdown(rows: Sequence[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(rows[0]), "|" + "---|" * len(rows[0]), *map(line, rows[1:])])


PARTS: dict[str, Callable[[], str]] = {
    "plan": lambda: plan_table(),
    "plan-target": lambda: plan_table("target"),
    "plan-users": lambda: plan_table("users"),
    "plan-cookies": lambda: plan_table("users", "cookies"),
    "plan-load": lambda: plan_table("load"),
    "plan-threshold": lambda: plan_table("threshold"),
    "cli": cli,
    "behaviour": behaviour,
    "types": types,
    "journal-tables": lambda: sql(database.TABLES),
    "derived-tables": lambda: sql(derived.TABLES),
    "illnesses": illnesses,
    "engines": engines,
    "engines-lacks": engine_lacks,
}


def main() -> None:
    for path in pages():
        text = path.read_text(encoding="utf-8")
        made = render(text)
        if made != text:
            path.write_text(made, encoding="utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    main()
