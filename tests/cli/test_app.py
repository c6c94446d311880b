import json
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts import App

import carga as package
from carga.cli import app as app_module
from carga.cli.app import build_app, main
from carga.cli.failures import BROKEN_PIPE_EXIT
from tests.cli.helpers import carga, write_plan

COMMANDS = (
    *("demo", "init", "check", "try", "run", "report", "schema", "doctor"),
    *("browsers install", "browsers list", "completion", "version", "coordinator", "worker"),
    *("fidelity", "image build", "image base"),
)


def test_the_list_of_commands_in_these_tests_is_whole() -> None:
    app = build_app()
    names = {name for name in app.resolved_commands() if not name.startswith("-")}
    assert names == {command.split()[0] for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: carga {command}" in shown
    assert len(shown.splitlines()) > 4


def test_without_a_command_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    for command in COMMANDS:
        assert command.split()[0] in shown


def test_starting_does_not_import_what_only_some_commands_need() -> None:
    heavy = {"httpx2", "starlette", "uvicorn", "websockets", "psutil", "asyncio.subprocess", "sqlite3"}
    code = f"import sys, carga.cli.app as a; a.build_app(); print(sorted({heavy!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


@pytest.mark.parametrize("arguments", [["wrker"], ["run"], ["run", "a", "b"], ["run", "a", "--port", "x"], ["--bad"]])
def test_wrong_usage_is_two_lines_and_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert first.startswith("carga: ")
    assert "--help" in second


def test_an_error_with_json_is_one_document_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "usage"
    assert error["problem"]
    assert error["remedy"]


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_the_version_is_printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.strip() == package.__version__


def broken_app(error: BaseException) -> App:
    app = App(result_action="return_value", exit_on_error=False, print_error=False, suppress_keyboard_interrupt=False)

    @app.default
    def fail(*, json: bool = False) -> None:
        raise error

    return app


def test_an_unexpected_error_is_short_and_its_traceback_is_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app_module, "build_app", lambda: broken_app(ZeroDivisionError("oh")))
    assert main(["--json"]) == 1
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert "ZeroDivisionError: oh" in captured.err
    file = Path(captured.err.split("traceback in ")[1].split()[0].rstrip("."))
    assert "Traceback" in file.read_text()
    file.unlink()
    assert json.loads(captured.out)["error"]["code"] == "internal"


def test_ctrl_c_anywhere_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "build_app", lambda: broken_app(KeyboardInterrupt()))
    assert main([]) == 130


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m carga schema; echo $? >&2"
    reader = subprocess.Popen(["true"])
    reader.wait()
    done = subprocess.run(
        ["bash", "-c", f"( {command} ) | true"], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stderr.split() in ([str(BROKEN_PIPE_EXIT)], ["0"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for command in COMMANDS:
        assert command.split()[0] in script


def test_the_schema_is_json_and_the_types_declare_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "carga plan"
    assert main(["schema", "types"]) == 0
    assert "interface User" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["coordinator --plan p --out o", "worker --join ws://127.0.0.1:9/worker"])
def test_the_parts_of_a_run_want_a_token(command: str) -> None:
    done = carga(*command.split(), CARGA_TOKEN="")
    assert done.returncode == 2
    assert "CARGA_TOKEN" in done.stderr


def test_a_token_is_never_taken_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "--join", "ws://127.0.0.1:9/worker", "--token", "secret"]) == 2
    assert "Unknown option" in capsys.readouterr().err


def test_a_token_file_that_cannot_be_read_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "--join", "ws://127.0.0.1:9/worker", "--token-file", str(tmp_path / "no")]) == 2
    assert "--token-file" in capsys.readouterr().err


def test_a_terminal_without_unicode_is_no_error(tmp_path: Path) -> None:
    done = carga("check", write_plan(tmp_path), PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "viewers" in done.stdout


def test_python_dash_m_is_the_same_program(tmp_path: Path) -> None:
    done = carga("check", write_plan(tmp_path))
    assert done.returncode == 0
    assert done.stderr == ""
