import contextlib
import re
import shlex

import pytest
from cyclopts import MissingArgumentError

from carga.cli.app import build_app
from carga.engines.chromium.browser import ChromiumEngine
from carga.model.plan_file import read_plan
from carga.model.plan_users import check_users
from carga.model.problems import Problem, Report
from carga.model.rows import Rows, read_rows
from carga.page.behaviour import prepare_behaviour
from tests.docs.pages import ROOT, Block, blocks, blocks_of, inline_code, pages

ANY_COMMAND = "carga COMMAND --help"


def problems_of(block: Block) -> list[Problem]:
    """A plan that names a CSV gets the one that stands on the same page."""
    reading = read_plan(block.text, file=str(block), name="plan.toml")
    tables: dict[str, Rows] = {}
    csv = next((other.text for other in blocks_of(block.page) if other.language == "csv"), "")
    for position, group in enumerate(reading.plan.groups):
        if group.data:
            report = Report("rows", lambda _: 0)
            rows = read_rows(csv, file="rows", at=("users", position, "data"), report=report)
            assert rows is not None
            tables[group.name] = rows
    check_users(reading.plan, tables, reading.report)
    return reading.report.problems()


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_every_plan_is_right(block: Block) -> None:
    assert problems_of(block) == []


@pytest.mark.parametrize("block", blocks("js"), ids=str)
def test_every_behaviour_can_be_loaded(block: Block) -> None:
    prepare_behaviour("behaviour.js", block.text)


@pytest.mark.e2e
async def test_every_behaviour_is_javascript() -> None:
    browser = await ChromiumEngine().open_browser("none")
    try:
        wrong = {}
        for block in blocks("js"):
            if problem := await browser.check_script(prepare_behaviour("behaviour.js", block.text), "behaviour.js"):
                wrong[str(block)] = problem
    finally:
        await browser.close()
    assert wrong == {}


def lines_in_blocks() -> list[str]:
    """Every `carga …` in blocks for shells and pipelines."""
    found = (
        line.strip()
        for block in blocks("sh", "yaml", "groovy")
        for line in re.findall(r"(?:^|\s|'|bin/)(carga [a-z-][^'#\n]*)", _commands_in(block.text), re.MULTILINE)
    )
    return sorted(set(found))


def lines_in_text() -> list[str]:
    return sorted({code for page in pages() for code in inline_code(page) if code.startswith("carga ")} - {ANY_COMMAND})


def _commands_in(text: str) -> str:
    """Lines that are continued as one, and without comments."""
    return re.sub(r"(^|\s)#.*", "", text.replace("\\\n", " "), flags=re.MULTILINE)


@pytest.mark.parametrize("line", lines_in_blocks())
def test_every_command_line_is_understood(line: str) -> None:
    understand(line)


@pytest.mark.parametrize("line", lines_in_text())
def test_every_command_that_is_mentioned_exists_with_its_options(line: str) -> None:
    with contextlib.suppress(MissingArgumentError):  # `carga run --json` is about an option, not a whole command line
        understand(line)


def understand(line: str) -> None:
    """Raises CycloptsError when the command or an option does not exist, or an argument is missing."""
    build_app().parse_args(shlex.split(line.split(" > ")[0])[1:], print_error=False, exit_on_error=False)


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [code for page in pages() for code in inline_code(page)]
    lines += [line for block in blocks("sh") for line in block.text.splitlines()]
    named = {found[1] for line in lines if (found := re.match(r"make ([a-z]+)\b", line))}
    assert named
    assert named <= targets
