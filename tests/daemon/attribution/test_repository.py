from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.attribution.reading import Files
from daemon.attribution.repository import name_of_remote, repository_name
from tests.daemon.attribution.repositories import git, repository

FILES = Files(None, None)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/acme/api.git", "api"),
        ("https://github.com/acme/api", "api"),
        ("https://github.com/acme/api/", "api"),
        ("https://ada:ghp_secret@github.com/acme/api.git", "api"),
        ("https://github.com/acme/api.git?token=secret#x", "api"),
        ("ssh://git@github.com:2222/acme/api.git", "api"),
        ("git@github.com:acme/api.git", "api"),
        ("git@github.com:api", "api"),
        ("github.com:acme/api.git", "api"),
        ("git@ssh.dev.azure.com:v3/acme/shop/api", "api"),
        ("https://acme@dev.azure.com/acme/shop/_git/api%20two", "api two"),
        ("codecommit::eu-west-1://api", "api"),
        ("codecommit://profile@api", "api"),
        ("odd_scheme://ada:secret@host", None),
        ("ada:secret@host:acme/api", "api"),
        ("ada:secret@host", "host"),
        ("file:///srv/git/api.git", "api"),
        ("/srv/git/api.git", "api"),
        ("/home/ada/api/.git", "api"),
        ("../api", "api"),
        ("..", None),
        (r"C:\work\api.git", "api"),
        ("https://ghp_secret@github.com", None),
        ("https://ada:secret@github.com/", None),
        ("https://[broken/acme/api", "api"),
        ("", None),
        ("/", None),
        (".git", None),
    ],
)
def test_a_remotes_name_is_the_last_of_its_path(url: str, name: str | None) -> None:
    assert name_of_remote(url) == name


@given(st.text(alphabet="abc:/\\@.?#[]% \0\u202e", max_size=60))
def test_no_remote_makes_it_fail(url: str) -> None:
    name = name_of_remote(url)
    assert name is None or "/" not in name


@given(
    st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True),
    st.sampled_from(["https://{}@0", "https://a:{}@0/", "x_y://a:{}@0", "http://{}@0?{}#{}"]),
)
def test_a_password_is_never_taken_for_a_name(password: str, form: str) -> None:
    assert name_of_remote(form.replace("{}", password)) is None


def test_the_remote_names_a_repository_and_its_folder_one_without(tmp_path: Path) -> None:
    assert repository_name(FILES, repository(tmp_path / "checkout", "git@github.com:acme/api.git")) == "api"
    assert repository_name(FILES, repository(tmp_path / "My Tool")) == "my-tool"
    assert repository_name(FILES, tmp_path) is None


def test_origin_is_preferred_and_any_other_remote_better_than_none(tmp_path: Path) -> None:
    folder = repository(tmp_path / "checkout")
    git(folder, "remote", "add", "upstream", "https://github.com/big/library")
    assert repository_name(FILES, folder) == "library"
    git(folder, "remote", "add", "origin", "https://github.com/ada/fork")
    assert repository_name(FILES, folder) == "fork"


def test_a_remote_that_names_nothing_gives_way_to_the_folder(tmp_path: Path) -> None:
    folder = repository(tmp_path / "checkout", "https://example.com/")
    assert repository_name(FILES, folder) == "checkout"


def test_worktrees_share_their_repositorys_name(tmp_path: Path) -> None:
    main = repository(tmp_path / "api")
    git(main, "worktree", "add", "../feature-x")
    assert repository_name(FILES, tmp_path / "feature-x") == "api"
    git(main, "remote", "add", "origin", "ssh://git@host/acme/shop.git")
    assert repository_name(FILES, tmp_path / "feature-x") == "shop"


@pytest.mark.parametrize("bare", ["shop.git", "shop/.bare"])
def test_worktrees_of_a_bare_repository_are_called_after_it(tmp_path: Path, bare: str) -> None:
    repository(tmp_path / "origin")
    git(tmp_path, "clone", "--bare", "origin", bare)
    git(tmp_path / bare, "remote", "remove", "origin")
    git(tmp_path / bare, "worktree", "add", str(tmp_path / "tree"))
    assert repository_name(FILES, tmp_path / "tree") == "shop"


def test_a_submodule_is_a_repository_of_its_own(tmp_path: Path) -> None:
    library = repository(tmp_path / "library")
    main = repository(tmp_path / "api", "https://github.com/acme/api")
    git(main, "submodule", "add", str(library), "vendor/lib")
    assert repository_name(FILES, main / "vendor" / "lib") == "library"
    git(main / "vendor" / "lib", "remote", "remove", "origin")
    assert repository_name(FILES, main / "vendor" / "lib") == "lib"


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ('[remote "origin"]\n\turl = https://h/acme/api.git ; comment\n', "api"),
        ('[remote "origin"] url = "https://h/acme/a#b"\n', "a"),
        ('[REMOTE "origin"]\r\n  URL=https://h/acme/api\r\n', "api"),
        ('[remote "origin"]\npushurl = https://h/no\nurl = https://h/yes\nurl = https://h/second\n', "yes"),
        ('[remote "ori\\"gin"]\nurl = https://h/quoted\n', "quoted"),
        ("[remote]\nurl = https://h/none\n", "checkout"),
        ('[remote "x"]\n[branch "main"]\nurl = https://h/none\n', "checkout"),
        ("[include]\n\tpath = /etc/passwd\n", "checkout"),
        ("\0\xff[[[\n", "checkout"),
        ('[remote "origin"]\nurl = https://h/' + "a" * 2_000_000, "checkout"),
    ],
    ids=str.__len__,
)  # fmt: skip
def test_settings_are_read_as_git_reads_them(tmp_path: Path, config: str, name: str) -> None:
    folder = repository(tmp_path / "checkout")
    (folder / ".git" / "config").write_text(config)
    assert repository_name(FILES, folder) == name


@pytest.mark.parametrize(
    "pointer",
    ["", "gitdir:", "gitdir: /dev/zero", "gitdir: ../../..", "gitdir: \0", "gitdir: .", "nonsense", "\xff" * 9],
)
def test_a_pointer_that_leads_nowhere_gives_the_folders_name_or_none(tmp_path: Path, pointer: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".git").write_text(pointer)
    assert repository_name(FILES, tmp_path / "sub") in {None, "sub"}


def test_an_empty_folder_called_git_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert repository_name(FILES, tmp_path) is None


def test_pipes_in_a_repository_hold_nothing_up(tmp_path: Path) -> None:
    folder = repository(tmp_path / "checkout")
    (folder / ".git" / "config").unlink()
    os.mkfifo(folder / ".git" / "config")
    assert repository_name(FILES, folder) == "checkout"
    (folder / "other").mkdir()
    os.mkfifo(folder / "other" / ".git")
    assert repository_name(FILES, folder / "other") is None


def test_a_repository_of_somebody_else_is_not_believed(tmp_path: Path) -> None:
    folder = repository(tmp_path / "checkout")
    others = Files(None, None)
    others.owners = frozenset({os.geteuid() + 1})
    assert repository_name(others, folder) is None
