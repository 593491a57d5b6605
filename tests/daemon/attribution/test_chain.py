from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.attribution import chain
from daemon.attribution.bounded import BoundedLookups
from daemon.attribution.caller import NOBODY, Caller, caller_of
from daemon.attribution.chain import Attribution, attribute
from tests.daemon.attribution.clients import Listener
from tests.daemon.attribution.repositories import git, repository


def _of(folder: Path, header: str | None = None) -> tuple[str, str]:
    found = attribute(Caller(workdir=str(folder)), header)
    return found.project, found.method


def test_each_rule_gives_way_to_the_one_before(listener: Listener, home: Path) -> None:
    """A real process in a real repository, its reasons taken away one by one."""
    folder = repository(home / "work" / "checkout", "git@github.com:acme/from-git.git")
    (folder / ".haltonrc").write_text('project = "from-rcfile"\n')
    deep = folder / "src" / "deep"
    deep.mkdir(parents=True)
    seen: list[tuple[str, str]] = []

    def look(environment: dict[str, str], header: str | None) -> None:
        with listener.client(deep, environment) as connected:
            found = attribute(caller_of(connected.client, connected.server), header)
        assert found.workdir == str(deep)
        seen.append((found.project, found.method))

    look({"HALTON_PROJECT": "from-env", "TERM_PROGRAM": "vscode"}, "from-header")
    look({"TERM_PROGRAM": "vscode"}, "from-header")
    look({"TERM_PROGRAM": "vscode"}, None)
    (folder / ".haltonrc").unlink()
    look({"TERM_PROGRAM": "vscode"}, None)
    git(folder, "remote", "remove", "origin")
    look({"TERM_PROGRAM": "vscode"}, None)
    (folder / ".git").rename(folder / "git")
    look({"TERM_PROGRAM": "vscode"}, None)
    look({"TERM_PROGRAM": "", "VSCODE_CWD": ""}, None)
    assert seen == [
        ("from-env", "env"),
        ("from-header", "header"),
        ("from-rcfile", "rcfile"),
        ("from-git", "git"),
        ("checkout", "git"),
        ("deep", "ide_sniff"),
        ("personal", "smart_default"),
    ]


def test_names_without_a_letter_are_passed_over() -> None:
    caller = Caller(environment={"HALTON_PROJECT": " --- "})
    assert attribute(caller, "\x1b[]") == Attribution("personal", "smart_default", None)
    assert attribute(caller, "Acme") == Attribution("acme", "header", None)


def test_the_nearest_rcfile_counts_and_an_unusable_one_does_not(home: Path) -> None:
    inner = home / "clients" / "acme" / "api"
    inner.mkdir(parents=True)
    (home / "clients" / ".haltonrc").write_text("clients")
    assert _of(inner) == ("clients", "rcfile")
    (home / "clients" / "acme" / ".haltonrc").write_text("acme")
    assert _of(inner) == ("acme", "rcfile")
    (inner / ".haltonrc").write_bytes(b"\xff\xff")
    assert _of(inner) == ("acme", "rcfile")
    (inner / ".haltonrc").unlink()
    os.mkfifo(inner / ".haltonrc")
    assert _of(inner) == ("acme", "rcfile")
    (home / "clients" / "acme" / ".haltonrc").write_text("#" * 20_000 + "\nacme")
    assert _of(inner) == ("clients", "rcfile")


def test_a_folder_reached_through_a_link_is_the_folder(home: Path, tmp_path: Path) -> None:
    repository(home / "work" / "api" / "src")
    (tmp_path / "link").symlink_to(home / "work" / "api" / "src")
    assert _of(tmp_path / "link") == ("src", "git")


def test_a_repository_of_settings_at_home_is_not_everythings_project(home: Path) -> None:
    repository(home, "https://github.com/ada/dotfiles")
    (home / "scratch").mkdir()
    assert _of(home / "scratch") == ("personal", "smart_default")
    assert _of(home) == ("personal", "smart_default")
    assert _of(repository(home / "work" / "api")) == ("api", "git")


def test_a_folder_that_is_gone_belongs_to_the_one_above(home: Path) -> None:
    folder = repository(home / "api")
    assert _of(folder / "never" / "made") == ("api", "git")


@pytest.mark.parametrize(
    "workdir", ["", ".", "relative/path", "/", "/\0", "/" + "a/" * 3000, "C:\\work", "/proc/self/fd"]
)
def test_strange_folders_are_personal(workdir: str) -> None:
    found = attribute(Caller(workdir=workdir), None)
    assert (found.project, found.method) == ("personal", "smart_default")


def test_a_container_is_named_when_its_folder_says_nothing(tmp_path: Path) -> None:
    repository(tmp_path / "app", "https://github.com/acme/api")
    inside = Caller(found=True, workdir="/app", root=str(tmp_path), container="shop")
    assert attribute(inside, None) == Attribution("api", "git", "/app")
    elsewhere = Caller(found=True, workdir="/srv", root=str(tmp_path), container="shop")
    assert attribute(elsewhere, None) == Attribution("shop", "container", "/srv")
    unnamed = Caller(found=True, workdir="/srv", root=str(tmp_path), container="3f2a3f2a3f2a")
    assert attribute(unnamed, None) == Attribution("personal", "smart_default", "/srv")


def test_a_containers_folder_is_not_taken_for_one_of_ours(tmp_path: Path, home: Path) -> None:
    ours = repository(home / "ours")
    gone = Caller(found=True, workdir=str(ours), root=str(tmp_path / "gone"), container="shop")
    assert attribute(gone, None).project == "shop"


def test_an_editors_helper_belongs_to_the_folder_it_was_opened_with(home: Path) -> None:
    folder = repository(home / "work" / "api", "https://github.com/acme/shop")
    plain = home / "notes"
    plain.mkdir()

    def opened(variable: str, path: Path, workdir: str = "/") -> Attribution:
        return attribute(Caller(workdir=workdir, ide="vscode", environment={variable: str(path)}), None)

    assert opened("VSCODE_CWD", folder) == Attribution("shop", "ide_sniff", "/")
    assert opened("IDEA_INITIAL_DIRECTORY", plain) == Attribution("notes", "ide_sniff", "/")
    for nothing in (home, home.parent, Path("/"), Path("/usr/share/code"), home / ".vscode" / "extensions" / "x"):
        assert opened("VSCODE_CWD", nothing) == Attribution("personal", "smart_default", "/")


def test_a_file_system_that_hangs_makes_a_call_personal(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hanging(*_: object) -> None:
        released.wait()

    monkeypatch.setattr(chain, "_looked_up", BoundedLookups(patience=0.02))
    monkeypatch.setattr(chain, "project_of_folder", hanging)
    assert attribute(Caller(workdir="/net/dead"), None) == Attribution("personal", "resolve_timeout", "/net/dead")
    assert attribute(Caller(workdir="/net/dead"), "acme") == Attribution("acme", "header", "/net/dead")
    released.set()


def test_a_look_up_that_fails_makes_a_call_personal(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(chain, "project_of_folder", failing)
    assert attribute(Caller(workdir="/x"), None) == Attribution("personal", "resolve_error", "/x")


def test_what_is_stored_as_the_directory_is_text_of_bounded_length() -> None:
    workdir = attribute(Caller(workdir="/a\udcff\0" + "b" * 9000), None).workdir
    assert workdir is not None
    assert workdir.startswith("/a\ufffd\ufffdb")
    assert len(workdir) == 4096
    workdir.encode()


text = st.text(max_size=40) | st.none()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text, text, text, text, st.dictionaries(st.sampled_from(["HALTON_PROJECT", "PWD", "VSCODE_CWD"]), st.text()))
def test_whatever_a_process_says_of_itself_there_is_a_project(
    workdir: str | None, container: str | None, ide: str | None, header: str | None, environment: dict[str, str]
) -> None:
    caller = Caller(workdir=workdir, container=container, ide=ide, environment=environment)
    found = attribute(caller, header)
    assert chain.slug_of(found.project) == found.project
    assert found.method in {"env", "header", "rcfile", "git", "container", "ide_sniff", "smart_default"}
    assert attribute(NOBODY, found.project).project == found.project
