from __future__ import annotations

import pytest

from daemon.attribution.finding import Finding
from daemon.attribution.surroundings import container_of, ide_of, is_container_id

ID = "3f2a" * 16
POD = {"HOSTNAME": "api-7d9f8b6c5d-x2x7k", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}


@pytest.mark.parametrize(
    ("groups", "environment", "name"),
    [
        ("0::/user.slice/user-1000.slice/app.scope\n", {"HOSTNAME": "laptop"}, None),
        ("0::/\n", {}, None),
        (f"12:pids:/docker/{ID}\n0::/\n", {}, ID[:12]),
        (f"0::/system.slice/docker-{ID}.scope\n", {"HOSTNAME": "3f2a3f2a3f2a"}, "3f2a3f2a3f2a"),
        (f"0::/system.slice/docker-{ID}.scope\n", {"HOSTNAME": "acme-api"}, "acme-api"),
        (f"0::/system.slice/docker-{ID}.scope\n", {"COMPOSE_PROJECT_NAME": "shop", "HOSTNAME": "web"}, "shop"),
        (f"0::/user.slice/libpod-{ID}.scope\n", {"CONTAINER_ID": "fedora-box"}, "fedora-box"),
        (f"0::/kubepods/burstable/pod1/{ID}\n", POD, "api"),
        ("0::/lxc.payload.build/init.scope\n", {}, "build"),
        ("1:name=systemd:/lxc/build\n", {}, "build"),
        ("0::/machine.slice/machine-build.scope/x\n", {}, "build.scope"),
        ("", {"CODESPACE_VSCODE_FOLDER": "/workspaces/shop", "HOSTNAME": "codespaces-1"}, "shop"),
        ("", {"GITHUB_REPOSITORY": "acme/api", "REMOTE_CONTAINERS": "true"}, "api"),
        ("", {"GITHUB_REPOSITORY": "acme/api"}, None),
        ("", {"DEVPOD_WORKSPACE_ID": "shop"}, "shop"),
        ("", {"REMOTE_CONTAINERS": "true"}, None),
    ],
)  # fmt: skip
def test_containers_are_known_by_their_groups_and_variables(
    groups: str, environment: dict[str, str], name: str | None
) -> None:
    assert container_of(Finding(pid=1, control_groups=groups, environment=environment)) == name


def test_an_engines_id_is_told_from_a_name() -> None:
    assert is_container_id(ID[:12])
    assert not is_container_id("acme-api")
    assert not is_container_id("decade")


@pytest.mark.parametrize(
    ("environment", "executable", "editor"),
    [
        ({"TERM_PROGRAM": "vscode"}, "/usr/bin/python3", "vscode"),
        ({"TERM_PROGRAM": "vscode", "CURSOR_TRACE_ID": "1"}, None, "cursor"),
        ({"TERMINAL_EMULATOR": "JetBrains-JediTerm"}, None, "jetbrains"),
        ({"IDEA_INITIAL_DIRECTORY": "/home/ada"}, None, "jetbrains"),
        ({"ZED_TERM": "true"}, None, "zed"),
        ({"VSCODE_CWD": "/home/ada/x"}, None, "vscode"),
        ({}, "/usr/share/code/code", "vscode"),
        ({}, r"C:\Users\Ada\AppData\Local\Programs\cursor\Cursor.exe", "cursor"),
        ({}, "/opt/idea/bin/idea", "jetbrains"),
        ({"TERM_PROGRAM": "iTerm.app"}, "/usr/bin/node", None),
        ({}, None, None),
    ],
)
def test_editors_are_known_by_variables_and_programs(
    environment: dict[str, str], executable: str | None, editor: str | None
) -> None:
    assert ide_of(environment, executable) == editor
