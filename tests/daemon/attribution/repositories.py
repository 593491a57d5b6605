"""Real repositories, made by git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SETTINGS = (
    "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always",
    "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgSign=false",
)  # fmt: skip


def git(folder: Path, *arguments: str) -> None:
    """Run git in `folder`, without the settings of whoever runs the tests."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = {**bare, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *_SETTINGS, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def repository(folder: Path, remote: str | None = None) -> Path:
    """Make a repository with one commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init")
    git(folder, "commit", "--allow-empty", "-m", "start")
    if remote:
        git(folder, "remote", "add", "origin", remote)
    return folder
