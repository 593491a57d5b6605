"""Which project a call belongs to, and by which rule.

Belongs here: the order of the rules. Does not belong here: finding the process (`caller`), what folders say (`places`),
what slugs look like (`slugs`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from daemon.attribution.bounded import BoundedLookups, TookTooLongError
from daemon.attribution.caller import Caller
from daemon.attribution.finding import PROJECT_VARIABLE
from daemon.attribution.places import Place, folder_name, project_of_folder
from daemon.attribution.reading import Files
from daemon.attribution.slugs import slug_of
from daemon.attribution.surroundings import is_container_id

__all__ = ["FALLBACK", "Attribution", "attribute", "slug_of"]

FALLBACK: Final = "personal"
"""The project of calls that no rule knows."""
_WORKDIR_MAX: Final = 4096
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_OPENED_FOLDERS: Final = ("CODESPACE_VSCODE_FOLDER", "VSCODE_CWD", "IDEA_INITIAL_DIRECTORY", "PWD")


@dataclass(frozen=True)
class Attribution:
    """The project of a call.

    Attributes:
        project: slug.
        method: the rule that found it: `env`, `header`, `rcfile`, `git`, `container`, `ide_sniff`, `smart_default` when
            none did, `resolve_timeout` or `resolve_error` when the look-up itself failed.
        workdir: the directory the calling process worked in, fit to be stored as UTF-8.
    """

    project: str
    method: str
    workdir: str | None


def attribute(caller: Caller, header: str | None) -> Attribution:
    """Return the project of a call. Never raises, and takes about a second at most.

    Args:
        caller: the calling process; `Caller(workdir=...)` where only a folder is known.
        header: value of the call's `X-Halton-Project`, None without one.
    """
    workdir = None if caller.workdir is None else _UNSTORABLE.sub("\ufffd", caller.workdir[:_WORKDIR_MAX])
    try:
        place = _named(caller, header) or _looked_up.get(_key(caller), lambda: _by_surroundings(caller))
    except TookTooLongError:
        place = Place(FALLBACK, "resolve_timeout")
    except Exception:  # noqa: BLE001 - a call is on record even if nobody knows whose it is
        place = Place(FALLBACK, "resolve_error")
    return Attribution(place.project, place.method, workdir)


def _named(caller: Caller, header: str | None) -> Place | None:
    """Return the project that somebody named outright."""
    for text, method in ((caller.environment.get(PROJECT_VARIABLE), "env"), (header, "header")):
        if text and (project := slug_of(text)):
            return Place(project, method)
    return None


def _by_surroundings(caller: Caller) -> Place:
    files = Files(caller.root, caller.user)
    place = project_of_folder(files, caller.workdir) if caller.workdir else None
    return place or _of_container(caller) or _of_editor(files, caller) or Place(FALLBACK, "smart_default")


def _of_container(caller: Caller) -> Place | None:
    if caller.container is None or is_container_id(caller.container):
        return None
    project = slug_of(caller.container)
    return Place(project, "container") if project else None


def _of_editor(files: Files, caller: Caller) -> Place | None:
    """Return the project of the folder that an editor was opened with; its helpers often work elsewhere."""
    if caller.ide is None:
        return None
    for folder in _opened(caller):
        place = project_of_folder(files, folder)
        if project := place.project if place else folder_name(files, folder):
            return Place(project, "ide_sniff")
    return None


def _opened(caller: Caller) -> Iterator[str]:
    if caller.workdir:
        yield caller.workdir
    yield from (caller.environment[name] for name in _OPENED_FOLDERS if caller.environment.get(name))


def _key(caller: Caller) -> tuple[object, ...]:
    """Return all that a look-up depends on."""
    opened = tuple(_opened(caller)) if caller.ide else caller.workdir
    return caller.root, caller.user, opened, caller.container, caller.ide


_looked_up: Final = BoundedLookups[Place]()
