import json
import re
import tomllib
from pathlib import Path

import pytest

from carga.cli.app import main
from carga.cli.plan_view import sparkline
from carga.model.plan import Stage
from carga.model.profile import LoadProfile
from tests.cli.helpers import PLAN, write_plan


def test_check_shows_groups_profile_thresholds_and_identities(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = write_plan(tmp_path, PLAN + '\n[[threshold]]\nmetric = "requests"\nfailed = "1%"\n')
    assert main(["check", str(plan)]) == 0
    shown = capsys.readouterr().out
    assert "viewers" in shown
    assert "serial=FAKE_000000" in shown
    assert "serial=FAKE_000003" in shown
    assert "requests failed <= 1 %" in shown
    assert "0 at 0s → 4 at 1s → 4 at 4s" in shown


def test_check_with_json_is_the_resolved_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(write_plan(tmp_path)), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["groups"][0]["timeout_s"] == 30.0


WRONG = PLAN.replace("count = 4", 'count = "four"\nenginee = "x"').replace('over = "3s"', 'over = "3"')


def test_every_problem_is_shown_at_once_like_a_compiler(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = write_plan(tmp_path, WRONG)
    assert main(["check", str(plan)]) == 2
    lines = capsys.readouterr().err.splitlines()
    places = [line for line in lines if line.startswith(str(plan))]
    assert len(places) == 3
    assert all(re.match(r".*plan\.toml:\d+: \S+: ", line) for line in places)
    assert lines[-1] == "3 problems."


def test_problems_with_json_are_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(write_plan(tmp_path, WRONG)), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "plan"
    assert [problem["key"] for problem in error["problems"]] == ["users[0].count", "users[0].enginee", "load[1].over"]
    assert all(problem["line"] and problem["remedy"] for problem in error["problems"])


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("export const a = 1;", "default"),
        ("export default async function (user) { await user.step(( }", "line 1"),
    ],
)
def test_a_behaviour_that_cannot_be_loaded_is_found_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, says: str
) -> None:
    plan = write_plan(tmp_path, PLAN.replace("count = 4", 'count = 4\nbehaviour = "b.js"'))
    (tmp_path / "b.js").write_text(source)
    for command in ("check", "run"):
        assert main([command, str(plan)]) == 2
        shown = capsys.readouterr().err
        assert "b.js" in shown
        assert says in shown


def test_a_sparkline_follows_the_profile() -> None:
    profile = LoadProfile((Stage(10, 10), Stage(10, 10), Stage(0, 10)))
    line = sparkline(profile, 30)
    assert len(line) == 30
    assert line[0] == line[-1] == "▁"
    assert line[10:20] == "█" * 10
    assert list(line[:10]) == sorted(line[:10])


def test_init_writes_a_plan_that_check_accepts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = tmp_path / "new" / "test"
    assert main(["init", str(directory)]) == 0
    assert sorted(file.name for file in directory.iterdir()) == ["behaviour.js", "carga.d.ts", "plan.toml"]
    assert "carga run" in capsys.readouterr().out
    assert main(["check", str(directory / "plan.toml")]) == 0
    tomllib.loads((directory / "plan.toml").read_text())


def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "behaviour.js").write_text("mine")
    assert main(["init", str(tmp_path), "--json"]) == 2
    captured = capsys.readouterr()
    assert "behaviour.js" in captured.err
    assert json.loads(captured.out)["error"]["code"] == "usage"
    assert [file.name for file in tmp_path.iterdir()] == ["behaviour.js"]


def test_report_of_a_folder_that_is_no_run_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "run.db" in capsys.readouterr().err
