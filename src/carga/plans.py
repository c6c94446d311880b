"""Reading a plan with the files that it names, and copying them so that a run keeps what it began with."""

import json
from dataclasses import dataclass
from pathlib import Path

from carga.errors import CargaError
from carga.exitcodes import ExitCode
from carga.model.identity import Row
from carga.model.plan import Plan
from carga.model.plan_file import read_plan
from carga.model.plan_users import check_users
from carga.model.problems import KeyPath, Problem, Report, Wrong
from carga.model.rows import Rows, read_rows

MEBIBYTE = 1024 * 1024
PLAN_BYTES_MAX = MEBIBYTE
BEHAVIOUR_BYTES_MAX = MEBIBYTE
DATA_BYTES_MAX = 128 * MEBIBYTE
"""A million users with 128 bytes each."""
COPIES = "copies.json"
"""Beside a copied plan: which file stands for which path of the plan."""


class PlanError(CargaError):
    """A plan, or a file that it names, is wrong. `problems` has all that was found, by file and line."""

    code = "plan"
    exit_code = ExitCode.USAGE

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


@dataclass(frozen=True)
class LoadedPlan:
    plan: Plan
    path: Path
    text: str
    """TOML as written."""
    behaviours: dict[str, str]
    """Path as the plan names it, to source text."""
    rows: dict[str, list[Row]]
    """By group: the CSV rows that its users get, `count` at most."""
    data: dict[str, str]
    """Path of a CSV as the plan names it, to its text."""


def load_plan(path: Path) -> LoadedPlan:
    """Reads and checks a plan and its files. Raises PlanError with every problem at once."""
    try:
        text = _read(path, PLAN_BYTES_MAX)
    except Wrong as wrong:
        raise PlanError([Problem(str(path), 0, "", wrong.problem, wrong.remedy)]) from None
    reading = read_plan(text, file=str(path), name=path.name)
    plan, report = reading.plan, reading.report
    files = _Files(path.parent)
    behaviours: dict[str, str] = {}
    data: dict[str, str] = {}
    tables: dict[str, Rows] = {}
    for position, group in enumerate(plan.groups):
        if group.behaviour:
            at: KeyPath = ("users", position, "behaviour")
            files.read(group.behaviour, behaviours, BEHAVIOUR_BYTES_MAX, at, report)
        if group.data:
            at = ("users", position, "data")
            files.read(group.data, data, DATA_BYTES_MAX, at, report)
            if group.data in data:
                file = str(files.path(group.data))
                table = read_rows(data[group.data], file=file, at=at, report=report)
                if table is not None:
                    tables[group.name] = table
    check_users(plan, tables, report)
    if report.wrong():
        raise PlanError(report.problems())
    rows = {group.name: tables[group.name].rows[: group.count] for group in plan.groups if group.data}
    return LoadedPlan(plan, path, text, behaviours, rows, data)


def save_inputs(loaded: LoadedPlan, directory: Path) -> Path:
    """Copies the plan and its files into `directory`, made if need be; returns the copied plan, ready for `load_plan`.

    The plan stays as it was written, wherever its paths lead. Raises OSError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    texts = loaded.behaviours | loaded.data
    copies = {named: f"{number}-{Path(named).name}" for number, named in enumerate(texts, 1)}
    for named, copy in copies.items():
        _write(directory / copy, texts[named])
    _write(directory / COPIES, json.dumps(copies, indent=2))
    _write(directory / loaded.path.name, loaded.text)
    return directory / loaded.path.name


class _Files:
    """The files that a plan names, relative to its folder, or their copies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copies = _copies(folder)

    def path(self, named: str) -> Path:
        return self._folder / self._copies.get(named, named)

    def read(self, named: str, into: dict[str, str], bytes_max: int, at: KeyPath, report: Report) -> None:
        """Adds the text, or tells `report` why not."""
        if named in into:
            return
        try:
            into[named] = _read(self.path(named), bytes_max)
        except Wrong as wrong:
            report.add(at, wrong.problem, wrong.remedy)


def _copies(folder: Path) -> dict[str, str]:
    try:
        copies = json.loads(_read(folder / COPIES, PLAN_BYTES_MAX))
    except (Wrong, ValueError, RecursionError):
        return {}
    return copies if isinstance(copies, dict) and all(isinstance(copy, str) for copy in copies.values()) else {}


def _read(path: Path, bytes_max: int) -> str:
    """The text of a file. Raises Wrong."""
    try:
        if not path.is_file():
            raise Wrong(f"{path} is {'not a file' if path.exists() else 'missing'}.", "Correct the path.")
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise Wrong(f"{path} cannot be read: {reason}.", "Correct the path or its permissions.") from None
    if len(content) > bytes_max:
        raise Wrong(f"{path} is larger than {bytes_max // MEBIBYTE} MiB.", "Shorten it.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Wrong(f"{path} is not UTF-8: line {line} holds another encoding.", "Save it as UTF-8.") from None


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")
