import socket
from pathlib import Path

import pytest

from carga.errors import UsageError
from carga.places import hosted, local
from carga.places.hosted import PlaceOptions, PortTaken, listen
from carga.places.local import LocalPlace
from carga.places.supervisor import Restarts
from tests.places.helpers import WAIT_S, python


def taken_port() -> tuple[socket.socket, int]:
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.listen()
    return holder, holder.getsockname()[1]


def test_a_named_port_that_is_taken_is_a_clear_error() -> None:
    holder, port = taken_port()
    with holder, pytest.raises(PortTaken) as caught:
        listen("127.0.0.1", port)
    assert str(port) in caught.value.problem
    assert "--port" in caught.value.remedy
    assert caught.value.exit_code == 2


def test_without_a_name_the_next_free_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    holder, port = taken_port()
    monkeypatch.setattr(hosted, "PORT", port)
    with holder, listen("127.0.0.1", None) as listening:
        assert port < listening.getsockname()[1] < port + hosted.PORTS_TRIED


def test_a_port_below_1024_that_is_not_allowed_or_an_address_of_others_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match="--host"):
        listen("192.0.2.1", None)
    with pytest.raises(UsageError, match="--host"):
        listen("no.such.host.invalid", 0)


def place(tmp_path: Path, listening: socket.socket) -> LocalPlace:
    options = PlaceOptions(plan=tmp_path / "plan.toml", out=tmp_path, workers=2, users_max=50)
    return LocalPlace(options, listening=listening)


def test_tokens_go_by_environment_and_never_by_the_command_line(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as listening:
        local_place = place(tmp_path, listening)
        specs = [local_place._coordinator(), local_place._worker(1, Restarts(1))]
    for spec in specs:
        token = spec.environment["CARGA_TOKEN"]
        assert len(token) >= 32
        assert not any(token in word for word in spec.command)


def test_only_a_live_page_for_other_machines_has_an_access_token(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as listening:
        loopback = place(tmp_path, listening)
        assert loopback.access_token is None
        assert loopback.page == f"http://127.0.0.1:{listening.getsockname()[1]}/"
    with listen("0.0.0.0", 0) as listening:
        public = place(tmp_path, listening)
        assert public.access_token
        assert public.access_token in public.page
        assert public.address.startswith("127.0.0.1:")
        assert "CARGA_ACCESS_TOKEN" in public._coordinator().environment


async def test_what_workers_leave_in_their_temporary_folder_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = "import os, pathlib, tempfile; d = tempfile.mkdtemp(); pathlib.Path(os.environ['TMPDIR'], 'x').write_text(d)"
    for module in (hosted, local):
        monkeypatch.setattr(module, "carga_command", lambda _: python(left))
    async with place(tmp_path, listen("127.0.0.1", 0)) as running:
        folder = Path(running._worker(1, Restarts(0)).environment["TMPDIR"])
        assert await running.supervisor.wait_ended(timeout_s=WAIT_S)
        assert Path((folder / "x").read_text()).is_relative_to(folder)
        assert folder.stat().st_mode & 0o777 == 0o711
    assert not folder.exists()


def test_every_verdict_is_an_end_of_the_coordinator_and_an_internal_error_is_not(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as listening:
        final = place(tmp_path, listening)._coordinator().final_codes
    assert {0, 2, 3, 4, 5, 130} <= final
    assert 1 not in final
