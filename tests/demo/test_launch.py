import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from websockets.sync.client import connect

from carga.demo import start
from carga.errors import CargaError
from tests.demo.viewers import WAIT_S, open_socket


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quickly_even_with_viewers_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "carga.demo", "--port", "0", "--ill", "errors=0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={"TMPDIR": str(tmp_path)})
    assert process.stdout
    ready = msgspec.json.decode(process.stdout.readline())
    assert ready["pid"] == process.pid
    assert ready["ill"] == ["errors=0"]
    assert list(tmp_path.iterdir())
    with connect(ready["url"].replace("http", "ws") + "ws", proxy=None):
        process.send_signal(number)
        assert process.wait(5) == 0
    assert list(tmp_path.iterdir()) == []
    process.stdout.close()


def test_it_serves_when_start_returns_and_no_more_when_the_context_is_left() -> None:
    with start() as demo:
        assert demo.stats().requests.total == 0
        with open_socket(demo):
            assert demo.stats().websockets.open == 1
    with pytest.raises(OSError):
        demo.stats()
    demo.stop()
    assert demo.process.wait(WAIT_S) == 0


def test_a_port_in_use_is_said_in_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    with start() as demo:
        port = int(demo.url.rsplit(":", 1)[1].strip("/"))
        with pytest.raises(CargaError):
            start(port=port)
    said = capfd.readouterr().err
    assert f"127.0.0.1:{port}" in said
    assert "Traceback" not in said


def test_an_unknown_illness_ends_with_wrong_usage() -> None:
    ended = subprocess.run([sys.executable, "-m", "carga.demo", "--ill", "flu"], capture_output=True, text=True)
    assert ended.returncode == 2
    assert "few-sockets" in ended.stderr


def test_the_database_lies_where_it_is_told_and_an_old_one_is_replaced(tmp_path: Path) -> None:
    for _ in range(2):
        with start(data=tmp_path / "data"):
            assert (tmp_path / "data" / "guide.db").stat().st_size > 0
