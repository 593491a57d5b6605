"""The project of a folder.

Belongs here: looking from a folder upwards, and which folders name nothing. Does not belong here: how files are opened
(`reading`), what they say (`rcfile`, `repository`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Final, NamedTuple

from daemon.attribution.rcfile import RCFILE, RCFILE_MAX, project_in
from daemon.attribution.reading import Files
from daemon.attribution.repository import is_repository, repository_name
from daemon.attribution.slugs import slug_of

_LEVELS_MAX: Final = 128
_SHARED: Final = frozenset(
    {"applications", "bin", "etc", "lib", "lib64", "library", "opt", "proc", "program files", "program files (x86)"}
    | {"private", "run", "sbin", "snap", "sys", "system", "tmp", "usr", "var", "windows"}
)
"""Folders at the top of a file system below which nothing is named after a person's project."""


class Place(NamedTuple):
    """What a folder says: a slug, and the rule that found it."""

    project: str
    method: str


def project_of_folder(files: Files, workdir: str) -> Place | None:
    """Return what `.haltonrc`, else git says of an absolute `workdir`; None when neither says anything.

    A repository at the root of a person's home holds their settings and is not the project of all that lies below.
    """
    folders = _upwards(files, workdir)
    for folder in folders:
        content = files.read(folder / RCFILE, RCFILE_MAX)
        if content is not None and (project := project_in(content)):
            return Place(project, "rcfile")
    root = next((folder for folder in folders if folder != _home() and is_repository(files, folder)), None)
    project = repository_name(files, root) if root else None
    return Place(project, "git") if project else None


def folder_name(files: Files, folder: str) -> str | None:
    """Return the slug of a folder that a person opened as a project; None for homes, hidden and system folders."""
    chain = _upwards(files, folder)
    if not chain:
        return None
    place, home = chain[0], _home()
    if place == home or place in home.parents or any(part.startswith(".") for part in place.parts):
        return None
    top = place.parts[1].lower() if len(place.parts) > 1 else ""
    if top in _SHARED and home not in place.parents:
        return None
    return slug_of(place.name)


def _upwards(files: Files, workdir: str) -> Sequence[PurePath]:
    """Return a folder and those above it, nearest first; nothing for what is no absolute path."""
    if not PurePath(workdir).is_absolute() or "\0" in workdir:
        return ()
    # Seen from here, a link of another file system would be followed in this one.
    place = PurePath(os.path.normpath(workdir) if files.root else os.path.realpath(workdir))
    return (place, *place.parents)[:_LEVELS_MAX]


def _home() -> PurePath:
    return Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() fails where there is none
