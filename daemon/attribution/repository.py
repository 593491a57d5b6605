"""The name of a git repository, read from its own files.

Belongs here: `.git` as folder and as file (worktrees, submodules), the remotes in `config`, names of remotes. Does not
belong here: where a repository is looked for (`places`). Git itself is never run: a repository's settings can make it
run programs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final
from urllib.parse import unquote

from daemon.attribution.reading import Files
from daemon.attribution.slugs import slug_of

_CONFIG_MAX: Final = 1 << 20
_POINTER: Final = b"gitdir:"
_POINTER_MAX: Final = 8192
_SECTION: Final = re.compile(r"""\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]""")
_URL: Final = re.compile(r"""\s*url\s*=\s*(.*)""", re.IGNORECASE)
_QUOTED: Final = re.compile(r'\s*"((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")


def is_repository(files: Files, folder: PurePath) -> bool:
    """Return whether `folder` is the root of a repository, a worktree or a submodule."""
    return _git_folder(files, folder) is not None


def repository_name(files: Files, folder: PurePath) -> str | None:
    """Return the slug of the repository whose root `folder` is; None when there is none or it has no usable name.

    The name of the remote `origin`, else of the first remote, else of the folder; all worktrees of a repository share
    its name.
    """
    git = _git_folder(files, folder)
    if git is None:
        return None
    shared = _shared_folder(files, git)
    config = files.read(shared / "config", _CONFIG_MAX) or b""
    remotes: dict[str, str] = {}
    for remote, url in _remotes(config.decode(errors="replace")):
        remotes.setdefault(remote, url)
    for url in (remotes.get("origin"), *list(remotes.values())[:1]):
        name = name_of_remote(url) if url else None
        if name and (slug := slug_of(name)):
            return slug
    return slug_of(_root_name(folder, git, shared))


def name_of_remote(url: str) -> str | None:
    """Return the repository's name in a remote's address (`https`, `ssh`, `file`, `host:path` or a path).

    Only a path is ever looked at: what comes before may hold a password.
    """
    path = _path_of(url.strip())
    parts = [part for part in re.split(r"[/\\]", path) if part not in {"", ".", ".."}]
    if parts and parts[-1] == ".git":
        parts.pop()
    return parts[-1].removesuffix(".git") or None if parts else None


def _path_of(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if separator:
        authority, _, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
        # AWS leaves the host out: the repository stands in its place.
        return unquote(path) or (authority.rpartition("@")[2] if scheme.startswith("codecommit") else "")
    if _DRIVE.match(url):
        return url[2:]
    host, slash, path = url.partition("/")
    return host.rpartition("@")[2].rpartition(":")[2] + slash + path


def _git_folder(files: Files, folder: PurePath) -> PurePath | None:
    git = folder / ".git"
    if files.is_folder(git):
        # A folder of this name alone is no repository.
        return git if files.read(git / "HEAD", _POINTER_MAX) is not None else None
    pointer = files.read(git, _POINTER_MAX)
    if pointer is None or not pointer.startswith(_POINTER):
        return None
    return _resolved(folder, pointer.removeprefix(_POINTER))


def _shared_folder(files: Files, git: PurePath) -> PurePath:
    """Return where a repository's settings are: a worktree's own folder names it in `commondir`."""
    pointer = files.read(git / "commondir", _POINTER_MAX)
    return _resolved(git, pointer) if pointer and pointer.strip() else git


def _resolved(folder: PurePath, target: bytes) -> PurePath:
    return PurePath(os.path.normpath(folder / os.fsdecode(target.strip())))


def _root_name(folder: PurePath, git: PurePath, shared: PurePath) -> str:
    """Return what a repository without a remote is called: its own folder, for a worktree its main repository's."""
    if shared == git:
        return folder.name
    return shared.parent.name if shared.name.startswith(".") else shared.name.removesuffix(".git")


def _remotes(config: str) -> Iterator[tuple[str, str]]:
    """Yield name and first address of each remote, in the file's order."""
    remote: str | None = None
    for line in config.splitlines():
        text = line.strip()
        if text.startswith("["):
            section = _SECTION.match(text)
            is_remote = section is not None and section[1].lower() == "remote" and section[2] is not None
            remote = _ESCAPED.sub(r"\1", section[2]) if section and is_remote else None
            text = text[section.end() :] if section else ""
        found = _URL.fullmatch(text) if remote is not None else None
        if remote is not None and found:
            yield remote, _value(found[1])


def _value(text: str) -> str:
    """Return a setting's value without quotes, escapes and the comment after it."""
    quoted = _QUOTED.match(text)
    if quoted:
        return _ESCAPED.sub(r"\1", quoted[1])
    return re.split(r"\s[#;]", text, maxsplit=1)[0].strip()
