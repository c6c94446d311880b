import os
from pathlib import Path

from carga.places.logs import TAIL_LINES, ChildLog


def test_a_log_never_grows_beyond_two_files_of_its_limit(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "logs" / "child.log", bytes_max=1000)
    for number in range(500):
        os.write(log.write_end, f"line {number:04}\n".encode())
        assert log.pump()
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == ["child.log", "child.log.1"]
    assert all(file.stat().st_size <= 1000 for file in files)
    assert "line 0499" in log.path.read_text()
    log.child_started()
    assert not log.pump()
    log.close()


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "child.log")
    os.write(log.write_end, "\n".join(f"line {number}" for number in range(100)).encode())
    log.child_started()
    assert not log.pump()
    assert log.tail().splitlines() == [f"line {number}" for number in range(100 - TAIL_LINES, 100)]
    log.close()


def test_a_log_that_cannot_be_written_keeps_the_tail(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "child.log")
    log._file.close()
    log._file = open("/dev/full", "ab", buffering=0)  # noqa: PTH123, SIM115
    os.write(log.write_end, b"last words\n")
    assert log.pump()
    assert log.tail() == "last words"
    log.child_started()
    log.close()
