import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carga import plans
from carga.exitcodes import ExitCode
from carga.model.identity import fill_user
from carga.model.problems import Problem
from carga.plans import LoadedPlan, PlanError, load_plan, save_inputs

HEAD = '[target]\nurl = "http://a/"\n[[users]]\nname = "g"\ncount = 2\n'


def write(folder: Path, text: str, **files: str | bytes) -> Path:
    for name, content in files.items():
        target = folder / name.replace("_", ".")
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    plan = folder / "plan.toml"
    plan.write_text(text)
    return plan


def problems(path: Path) -> list[Problem]:
    with pytest.raises(PlanError) as raised:
        load_plan(path)
    assert raised.value.exit_code == ExitCode.USAGE
    assert all(problem.remedy for problem in raised.value.problems)
    return raised.value.problems


def one_problem(path: Path) -> Problem:
    [problem] = problems(path)
    return problem


def test_a_plan_brings_its_behaviours_and_rows(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD + 'behaviour = "zap.js"\ndata = "s.csv"\nuser_agent = "{serial}"\n',
        zap_js="export default 1",
        s_csv='\ufeffserial, mac\r\na,"b, c"\r\n\r\nd,e\r\nf,g\r\n',
    )
    loaded = load_plan(path)
    assert loaded.behaviours == {"zap.js": "export default 1"}
    assert loaded.rows == {"g": [{"serial": "a", "mac": "b, c"}, {"serial": "d", "mac": "e"}]}
    assert fill_user(loaded.plan, 1, loaded.rows).user_agent == "d"
    assert loaded.text == path.read_text()


def same(a: LoadedPlan, b: LoadedPlan) -> bool:
    return (a.plan, a.text, a.behaviours, a.rows, a.data) == (b.plan, b.text, b.behaviours, b.rows, b.data)


def test_a_copy_of_the_inputs_loads_to_the_same_wherever_the_paths_led(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (elsewhere / "zap.js").write_text("1")
    (elsewhere / "s.csv").write_text("serial\n1\n2\n")
    path = write(home, HEAD + f'behaviour = "../elsewhere/zap.js"\ndata = "{elsewhere}/s.csv"\n')
    loaded = load_plan(path)
    copy = save_inputs(loaded, tmp_path / "out" / "inputs")
    for file in (elsewhere / "zap.js", elsewhere / "s.csv", path):
        file.unlink()
    assert same(load_plan(copy), loaded)
    again = save_inputs(load_plan(copy), tmp_path / "again")
    assert same(load_plan(again), loaded)


@pytest.mark.parametrize(
    ("csv", "line", "text"),
    [
        ("", 1, "empty"),
        ("\n\n", 1, "empty"),
        ("serial\n", 1, "no row"),
        ("serial\n1\n1\n", 3, "equals that on line 2"),
        ("serial,mac\n1,2\n3\n", 3, "1 values"),
        ("serial,mac\n1,2\n3,4,5\n", 3, "3 values"),
        ("serial;mac\n1;2\n3;4\n", 1, "semicolons"),
        ("serial,serial\n1,2\n3,4\n", 1, "twice"),
        ("serial,\n1,2\n3,4\n", 1, "column 2"),
        ("index\n1\n2\n", 1, '"index"'),
        ('serial\n1\n"2\n', 3, "not valid CSV"),
        ('serial\n1\n"2"x\n', 3, "not valid CSV"),
        ('serial\n1\n"2\nx"\n', 3, "control character"),
        ("serial\n1\n" + "x" * 200_000, 3, "not valid CSV"),
    ],
)
def test_a_wrong_csv_is_reported_with_its_line(tmp_path: Path, csv: str, line: int, text: str) -> None:
    found = one_problem(write(tmp_path, HEAD + 'data = "s.csv"\n', s_csv=csv))
    assert (found.file, found.line, found.key) == (str(tmp_path / "s.csv"), line, "users[0].data")
    assert text in found.problem


def test_fewer_rows_than_users_are_a_problem_unless_they_may_be_reused(tmp_path: Path) -> None:
    plan = HEAD + 'data = "s.csv"\n'
    found = one_problem(write(tmp_path, plan, s_csv="serial\n1\n"))
    assert (found.line, found.key) == (6, "users[0].data")
    assert "1 rows for 2 users" in found.problem
    assert "reuse = true" in found.remedy
    loaded = load_plan(write(tmp_path, plan + "reuse = true\n"))
    assert [fill_user(loaded.plan, index, loaded.rows).identity["serial"] for index in (0, 1)] == ["1", "1"]


def test_placeholders_without_a_field_are_reported_where_they_stand(tmp_path: Path) -> None:
    text = HEAD.replace("http://a/", "http://a/{sreial}") + (
        'data = "s.csv"\nuser_agent = "{mac}"\nheaders = { A = "{x}" }\n[users.identity]\nkey = "{other} {serial}"\n'
    )
    keys = {problem.key for problem in problems(write(tmp_path, text, s_csv="serial\n1\n2\n"))}
    assert keys == {"users[0].identity.key"}
    text = text.replace("{other} ", "")
    found = problems(write(tmp_path, text))
    assert {problem.key for problem in found} == {"target.url", "users[0].user_agent", "users[0].headers.A"}
    assert any('Did you mean "serial"?' in problem.remedy for problem in found)


def test_a_field_from_both_csv_and_template_is_refused(tmp_path: Path) -> None:
    text = HEAD + 'data = "s.csv"\nidentity = { serial = "{index}" }\n'
    assert "has a column" in one_problem(write(tmp_path, text, s_csv="serial\n1\n2\n")).problem


def test_equal_identities_are_reported_with_both_users(tmp_path: Path) -> None:
    found = one_problem(write(tmp_path, HEAD + '[users.identity]\nserial = "S"\n'))
    assert "users 0 and 1 have the same identity (serial=S)" in found.problem
    group = '[users.identity]\nserial = "S{index}"\n'
    other = '[[users]]\ncount = 3\nurl = "http://b/"\ndata = "s.csv"\n'
    found = one_problem(write(tmp_path, HEAD + group + other, s_csv="serial\nS9\nS1\nS0\n"))
    assert "users 1 and 3 " in found.problem
    assert "1 more users" in found.problem


def test_a_hundred_thousand_identities_are_checked_in_two_seconds(tmp_path: Path) -> None:
    group = '[users.identity]\nserial = "FAKE_{index:020d}"\nmac = "{index:mac}"\n'
    text = HEAD.replace("2", "50000") + group + '[[users]]\ncount = 50000\nurl = "http://b/"\n' + group
    path = write(tmp_path, text)
    started = time.process_time()
    assert load_plan(path).plan.users == 100_000
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize("url", ["ftp://a/", "a.example/", "http://", "{index}", "http://a:99999/", "http://[x/", ""])
def test_what_no_browser_can_load_is_refused(tmp_path: Path, url: str) -> None:
    assert one_problem(write(tmp_path, HEAD.replace("http://a/", url))).key == "target.url"


def test_files_that_cannot_be_read_are_problems_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    group = '[[users]]\ncount = 1\nurl = "http://b/"\n'
    text = (
        HEAD
        + 'behaviour = "missing.js"\n'
        + (group + 'behaviour = "folder"\n')
        + (group + 'behaviour = "latin.js"\n')
        + (group + 'behaviour = "big.js"\n')
        + (group + 'data = "missing.csv"\n')
        + (group + 'data = "latin.csv"\n')
    )
    files: dict[str, str | bytes] = {"latin_js": b"\n\xe9", "latin_csv": b"a\n\xe9\n", "big_js": b" " * (2**20 + 1)}
    found = problems(write(tmp_path, text, **files))
    assert [problem.key for problem in found] == [f"users[{n}].{'data' if n > 3 else 'behaviour'}" for n in range(6)]
    for problem, part in zip(
        found, ["is missing", "not a file", "line 2", "larger than 1 MiB", "is missing", "line 2"], strict=True
    ):
        assert part in problem.problem


def test_a_plan_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    assert "missing" in one_problem(tmp_path / "plan.toml").problem
    assert "not a file" in one_problem(tmp_path).problem
    (tmp_path / "latin.toml").write_bytes(b"a = '\xe9'")
    assert "not UTF-8" in one_problem(tmp_path / "latin.toml").problem
    (tmp_path / "big.toml").write_bytes(b"#" * (plans.PLAN_BYTES_MAX + 1))
    assert "larger" in one_problem(tmp_path / "big.toml").problem
    assert one_problem(Path("a\0b")).problem
    assert one_problem(Path("x" * 300)).problem


def test_a_plan_without_permission_is_one_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, HEAD)

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # root may read everything, so a mode would not do
    assert "Permission denied" in one_problem(path).problem


def test_the_error_shows_every_problem_on_a_line_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "cuont = 1\ncache = 3\n")
    with pytest.raises(PlanError) as raised:
        load_plan(path)
    first, second = str(raised.value).split("\n")
    assert first.startswith(f'{path}:6: users[0].cuont: "cuont" is an unknown key.')
    assert second.startswith(f"{path}:7: users[0].cache: ")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.binary(max_size=300), csv=st.one_of(st.binary(max_size=200), st.text('ab,"\n\r;', max_size=50)))
def test_any_bytes_are_loaded_or_refused_without_a_traceback(tmp_path: Path, plan: bytes, csv: bytes | str) -> None:
    (tmp_path / "noise.toml").write_bytes(plan)
    assert problems(tmp_path / "noise.toml")
    path = write(tmp_path, HEAD + 'data = "s.csv"\n', s_csv=csv)
    try:
        loaded = load_plan(path)
    except PlanError:
        return
    assert len(loaded.rows["g"]) == 2
