from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.attribution import caller, linux
from daemon.attribution.caller import NOBODY, Caller, caller_of
from daemon.attribution.chain import Attribution, attribute
from daemon.attribution.linux import LinuxProcesses
from daemon.attribution.portable import PortableProcesses
from daemon.attribution.tcp_ends import address_of, ask_kernel
from tests.daemon.attribution.clients import DUAL_STACK_CLIENT, Listener

EXECING = """
import os, socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])))
os.set_inheritable(client.fileno(), True)
client.recv(1)
os.environ["HALTON_PROJECT"] = "after"
then = f"import os; os.write({client.fileno()}, b'.'); os.read({client.fileno()}, 1)"
os.execv(sys.executable, [sys.executable, "-S", "-c", then])
"""
CHANGING = """
import os, socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])))
client.recv(1)
os.chdir("/")
client.send(b".")
client.recv(1)
"""


def _unanswered(*_: object) -> None:
    raise PermissionError(1, "not allowed")


@pytest.fixture(params=["kernel", "table", "portable"])
def _each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Find processes by asking the kernel, by its table where it may not be asked, and as other systems do."""
    processes = PortableProcesses() if request.param == "portable" else LinuxProcesses()
    monkeypatch.setattr(caller, "_processes", lambda: processes)
    if request.param == "table":
        monkeypatch.setattr(linux, "ask_kernel", _unanswered)


@pytest.mark.usefixtures("_each_way")
def test_the_process_at_the_other_end_is_found_with_what_it_was_started_with(
    listener: Listener, tmp_path: Path
) -> None:
    with listener.client(tmp_path, {"HALTON_PROJECT": "acme-api", "ANTHROPIC_API_KEY": "sk-ant-x"}) as connected:
        found = caller_of(connected.client, connected.server)
    assert (found.pid, found.workdir, found.found) == (connected.pid, str(tmp_path), True)
    assert found.environment["HALTON_PROJECT"] == "acme-api"
    assert found.user == os.getuid()
    assert found.root is None
    assert found.executable == os.path.realpath(sys.executable)


@pytest.mark.usefixtures("_each_way")
def test_no_variable_is_kept_that_could_hold_a_secret(listener: Listener) -> None:
    with listener.client(environment={"ANTHROPIC_API_KEY": "sk-ant-x", "TERM_PROGRAM": "vscode"}) as connected:
        found = caller_of(connected.client, connected.server)
    assert "sk-ant-x" not in repr(found)
    assert found.ide == "vscode"


@pytest.mark.usefixtures("_each_way")
def test_this_process_is_nobody(listener: Listener) -> None:
    with socket.create_connection(listener.address) as own:
        assert caller_of(own.getsockname(), own.getpeername()) == NOBODY


@pytest.mark.usefixtures("_each_way")
def test_a_connection_that_does_not_exist_is_nobodys(listener: Listener) -> None:
    assert caller_of(("127.0.0.1", 1), listener.address) == NOBODY
    # The listening end of the same port is no client.
    assert caller_of(listener.address, ("127.0.0.1", 1)) == NOBODY


@pytest.mark.usefixtures("_each_way")
def test_a_call_from_a_containers_network_is_nobodys_and_personal(listener: Listener) -> None:
    found = caller_of(("172.17.0.2", 40_000), ("172.17.0.1", listener.address[1]))
    assert found == NOBODY
    assert attribute(found, None) == Attribution("personal", "smart_default", None)
    assert attribute(found, "Acme API") == Attribution("acme-api", "header", None)


def test_who_listens_on_a_port_is_not_taken_for_a_client_of_it(listener: Listener) -> None:
    assert ask_kernel(address_of(listener.address), address_of(("127.0.0.1", 1))) is None


def test_a_process_that_has_closed_its_end_is_nobody(listener: Listener) -> None:
    with listener.client(code="import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])))") as gone:
        os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
        assert caller_of(gone.client, gone.server) == NOBODY


@pytest.mark.parametrize("way", ["kernel", "table"])
def test_clients_are_found_over_ipv6_and_through_both_at_once(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(caller, "_processes", LinuxProcesses)
    if way == "table":
        monkeypatch.setattr(linux, "ask_kernel", _unanswered)
    with Listener("::1") as six, six.client() as connected:
        assert caller_of(connected.client, connected.server).pid == connected.pid
    with Listener("127.0.0.1") as four, four.client(code=DUAL_STACK_CLIENT) as connected:
        assert caller_of(connected.client, connected.server).pid == connected.pid
        mapped = f"::ffff:{connected.client[0]}", connected.client[1]
        assert caller_of(mapped, (f"::ffff:{connected.server[0]}", connected.server[1])).pid == connected.pid


@pytest.mark.parametrize("host", ["", "not an address", "fe80::1%eth0", "1.2.3.4.5", "\0"])
def test_strange_addresses_are_nobodys(host: str) -> None:
    assert caller_of((host, 1), (host, 70_000)) == NOBODY
    assert caller_of((host, -1), ("127.0.0.1", 1)) == NOBODY


def test_each_of_several_clients_is_told_apart(listener: Listener, tmp_path: Path) -> None:
    with (
        listener.client(tmp_path, {"HALTON_PROJECT": "one"}) as one,
        listener.client(Path("/"), {"HALTON_PROJECT": "two"}) as two,
    ):
        for _ in range(2):
            assert [caller_of(each.client, each.server).environment["HALTON_PROJECT"] for each in (one, two)] == [
                "one",
                "two",
            ]


def test_a_process_that_turned_into_another_program_is_read_anew(listener: Listener) -> None:
    with listener.connection(EXECING, {"HALTON_PROJECT": "before"}) as (connected, connection):
        assert caller_of(connected.client, connected.server).environment["HALTON_PROJECT"] == "before"
        connection.send(b".")
        assert connection.recv(1) == b"."
        assert caller_of(connected.client, connected.server).environment["HALTON_PROJECT"] == "after"


def test_the_directory_is_the_one_the_process_works_in_now(listener: Listener) -> None:
    with listener.connection(CHANGING) as (connected, connection):
        assert caller_of(connected.client, connected.server).workdir == str(Path.cwd())
        connection.send(b".")
        assert connection.recv(1) == b"."
        assert caller_of(connected.client, connected.server).workdir == "/"


def test_a_directory_that_was_removed_is_still_named(listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    with listener.client(tmp_path / "gone") as connected:
        (tmp_path / "gone").rmdir()
        assert caller_of(connected.client, connected.server).workdir == str(tmp_path / "gone")


def test_a_directory_whose_name_is_no_text_can_be_stored(listener: Listener, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    odd.mkdir()
    with listener.client(odd) as connected:
        stored = attribute(caller_of(connected.client, connected.server), None).workdir
    assert stored == f"{tmp_path}/caf\ufffd"


def test_a_process_of_another_file_system_is_seen_through_its_own_root() -> None:
    known = LinuxProcesses()._read
    command = ["unshare", "--mount", "--user", "--map-root-user", "sh", "-c", "echo; read x"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"\n"
        assert known(process.pid, 0).root == f"/proc/{process.pid}/root"


def test_a_process_that_may_not_be_read_is_known_by_number_only(listener: Listener, tmp_path: Path) -> None:
    """Another user's process, in a container without the right to look at it."""
    with listener.client() as connected:
        proc = tmp_path / "proc"
        (proc / str(connected.pid)).mkdir(parents=True)
        (proc / str(connected.pid) / "fd").symlink_to(f"/proc/{connected.pid}/fd")
        (proc / "77").mkdir()
        found = LinuxProcesses(str(proc)).find(connected.client, connected.server)
        assert found is not None
        assert (found.pid, found.workdir, dict(found.environment), found.executable) == (connected.pid, None, {}, None)
        (proc / str(connected.pid) / "fd").unlink()
        assert LinuxProcesses(str(proc)).find(connected.client, connected.server) is None


def test_a_search_that_takes_too_long_gives_up(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listener.client() as connected:
        monkeypatch.setattr(linux, "BUDGET", 0.0)
        monkeypatch.setattr(linux, "numbers_in", lambda _: [os.getppid(), connected.pid])
        assert LinuxProcesses().find(connected.client, connected.server) is None


def test_a_system_that_fails_makes_the_caller_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find(self, client: object, server: object) -> None:
            raise RuntimeError(client, server)

    monkeypatch.setattr(caller, "_processes", Broken)
    assert caller_of(("127.0.0.1", 1), ("127.0.0.1", 2)) == Caller()
