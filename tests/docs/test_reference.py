import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from carga.cli.app import build_app
from carga.demo.illness import ILLNESSES
from carga.exitcodes import ExitCode
from carga.fidelity.result import Difference, Fidelity, SideResult
from carga.fidelity.score import WEIGHTS, AspectScore
from carga.model.plan_fields import PLAN
from carga.model.plan_kinds import Table, Tables
from carga.model.summary import (
    GeneratorSummary,
    GroupSummary,
    MetricSummary,
    SampleDifference,
    SampleSummary,
    Summary,
    ThresholdResult,
    UsersSummary,
    Verdict,
    WorkerSummary,
)
from carga.model.thresholds import FAMILIES, METRICS
from carga.model.windows import COUNTERS, Area
from carga.results import derived
from carga.results.database import EVENT_KINDS, META_KEYS
from scripts.make_reference import commands, options, pages, render
from tests.docs.pages import DOCS, ROOT, inline_code

REFERENCE = DOCS / "reference"


def text_of(page: str) -> str:
    return (REFERENCE / page).read_text(encoding="utf-8")


def documented(page: str) -> set[str]:
    """Everything that stands in `code` on the page."""
    return set(inline_code(REFERENCE / page)) | set(
        re.findall(r"`([^`]+)`", "\n".join(line for line in text_of(page).splitlines() if line.startswith("|")))
    )


def section(page: str, heading: str) -> str:
    """The text below `## heading`."""
    parts = re.split(r"^## ", text_of(page), flags=re.MULTILINE)
    return next(part for part in parts if part.startswith(f"{heading}\n"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_made_from_the_code_is_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert render(text) == text, "run scripts/make_reference.py"


def test_the_pages_with_made_parts_are_known() -> None:
    names = {page.name for page in pages()}
    assert names >= {"plan.md", "cli.md", "behaviour.md", "run-db.md", "find-what-broke-first.md"}


def test_every_command_and_option_is_documented_and_none_that_does_not_exist() -> None:
    parts = re.split(r"^### carga (.+)$", text_of("cli.md").partition("## Environment")[0], flags=re.MULTILINE)
    written = {
        name: set(re.findall(r"^\| `([^ `]+)", body, re.MULTILINE))
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }
    assert written == {name: {option for option, _ in options(command)} for name, command in commands(build_app())}


def test_every_key_of_a_plan_is_documented() -> None:
    def keys(table: Table) -> set[str]:
        inner = [field.kind.table if isinstance(field.kind, Tables) else field.kind for field in table.fields]
        nested = (keys(kind) for kind in inner if isinstance(kind, Table))
        return {field.key for field in table.fields}.union(*nested)

    assert keys(PLAN) <= documented("plan.md")


@pytest.mark.parametrize(
    ("heading", "struct"),
    [
        ("users", UsersSummary),
        ("metrics", MetricSummary),
        ("thresholds", ThresholdResult),
        ("generator", GeneratorSummary),
        ("workers", WorkerSummary),
        ("groups", GroupSummary),
        ("full_sample", SampleSummary),
        ("differences", SampleDifference),
    ],
)
def test_every_key_of_the_summary_is_documented(heading: str, struct: type[msgspec.Struct]) -> None:
    keys = set(re.findall(r"`(\w+)`", section("summary.md", heading)))
    assert set(struct.__struct_fields__) <= keys
    assert set(Summary.__struct_fields__) <= documented("summary.md")
    assert set(get_args(Verdict)) <= documented("summary.md")


@pytest.mark.parametrize("struct", [Fidelity, SideResult, AspectScore, Difference])
def test_every_key_of_a_fidelity_is_documented(struct: type[msgspec.Struct]) -> None:
    assert set(struct.__struct_fields__) <= documented("fidelity.md")
    assert set(WEIGHTS) <= documented("fidelity.md")


def test_every_metric_is_documented_and_none_that_does_not_exist() -> None:
    rows = set(re.findall(r"^\| `([^`]+)`", section("metrics.md", "Metrics"), re.MULTILINE))
    assert rows == {*METRICS, *(f"{family}NAME" for family in FAMILIES)}


def test_every_counter_is_documented_and_none_that_does_not_exist() -> None:
    rows = re.findall(r"^\| (`.+?`) \|", section("metrics.md", "Counters"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(COUNTERS)


def test_every_area_of_causes_is_documented() -> None:
    rows = set(re.findall(r"^\| `(\w+)`", section("metrics.md", "Causes of failures"), re.MULTILINE))
    assert rows == set(get_args(Area))


def test_every_exit_code_is_documented() -> None:
    rows = re.findall(r"^\| (\d+) \|", text_of("exit-codes.md"), re.MULTILINE)
    assert [int(row) for row in rows] == list(ExitCode)


def test_every_key_event_and_table_of_run_db_is_documented() -> None:
    assert {*META_KEYS, *EVENT_KINDS} <= documented("run-db.md")
    assert all(f"CREATE TABLE {name} " in text_of("run-db.md") for name in derived.NAMES)


def test_every_illness_of_the_demo_is_documented() -> None:
    text = (DOCS / "how-to" / "find-what-broke-first.md").read_text(encoding="utf-8")
    assert all(f"`{illness.name}=" in text for illness in ILLNESSES)


def test_the_project_names_no_place_where_it_was_made() -> None:
    suspicious = re.compile(r"/root/|/home/|/work/|/tmp/bash|registry\.")
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        assert not suspicious.search(page.read_text(encoding="utf-8")), page.name
