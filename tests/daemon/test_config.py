"""`config.toml`: read strictly, changed without losing what a person wrote."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from daemon.cloud.privacy_settings import set_project_upload
from daemon.config import Config, edited_config, load_config
from daemon.credentials import MeterHome, UnreadableStateError


@pytest.fixture
def home(tmp_path: Path) -> MeterHome:
    (tmp_path / "meter").mkdir()
    return MeterHome(tmp_path / "meter")


def test_without_a_file_everything_has_its_default_and_nothing_leaves(home: MeterHome) -> None:
    config = load_config(home)
    assert config == Config()
    assert config.cloud.enabled is False
    assert (config.capture.port, config.api.port, config.store.retention_days) == (8090, 8765, 90)


def test_the_documented_rules_of_projects_are_read(home: MeterHome) -> None:
    home.config_path.write_text('[cloud.upload.per_project."personal"]\nupload = false\n')
    assert load_config(home).cloud.upload.per_project["personal"].upload is False


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[cloud\nenabled = true", "cannot be understood"),
        ("[cloud]\nenabled = 'yes'", "$.cloud.enabled"),
        ("[cloud.upload]\npreset = 'everything'", "$.cloud.upload.preset"),
        ("[cloud.upload]\npresets = 'full'", "presets"),
        ("[capture]\nport = 70000", "$.capture.port"),
        ("[capture]\nport = true", "$.capture.port"),
        ("[store]\nretention_days = 0", "$.store.retention_days"),
        ("surprise = 1", "surprise"),
        ("[cloud.upload]\npreset = 'minimal'\npreset = 'full'", "preset"),
    ],
)
def test_a_file_that_cannot_be_understood_is_an_error_that_names_the_place(
    home: MeterHome, text: str, named: str
) -> None:
    home.config_path.write_text(text)
    with pytest.raises(UnreadableStateError) as caught:
        load_config(home)
    assert named in str(caught.value)
    assert str(home.config_path) in str(caught.value)


def test_two_listeners_on_one_port_are_a_mistake_of_the_file(home: MeterHome) -> None:
    home.config_path.write_text("[capture]\nport = 9000\n[api]\nport = 9000\n")
    with pytest.raises(UnreadableStateError, match="cannot both have port 9000"):
        load_config(home)
    home.config_path.write_text("[capture]\nport = 0\n[api]\nport = 0\n")
    assert load_config(home).api.port == 0


def test_bytes_that_are_no_text_are_a_plain_error(home: MeterHome) -> None:
    home.config_path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableStateError):
        load_config(home)


def test_a_change_keeps_comments_order_and_the_owners_mode(home: MeterHome) -> None:
    home.config_path.write_text('# mine\n[store]\nretention_days = 30 # a month\n\n[cloud]\nbase_url = "http://a"\n')
    with edited_config(home) as document:
        document["cloud"]["enabled"] = True  # type: ignore[index]  # a document's tables are typed as any item
    assert home.config_path.read_text() == (
        '# mine\n[store]\nretention_days = 30 # a month\n\n[cloud]\nbase_url = "http://a"\nenabled = true\n'
    )
    assert stat.S_IMODE(home.config_path.stat().st_mode) == 0o600


def test_a_change_that_would_break_the_file_is_not_written(home: MeterHome) -> None:
    home.config_path.write_text("[store]\nretention_days = 30\n")
    with pytest.raises(UnreadableStateError), edited_config(home) as document:
        document["store"]["retention_days"] = "many"  # type: ignore[index]  # as above
    assert load_config(home).store.retention_days == 30


def test_nothing_is_written_when_the_block_fails_or_changes_nothing(home: MeterHome) -> None:
    home.config_path.write_text("[store]\nretention_days = 30\n")
    before = home.config_path.stat().st_ino
    with edited_config(home):
        pass
    with pytest.raises(ZeroDivisionError), edited_config(home) as document:
        document["store"]["retention_days"] = 1 // 0  # type: ignore[index]  # as above
    assert home.config_path.stat().st_ino == before


def test_changes_made_at_the_same_time_all_stay(home: MeterHome) -> None:
    """A pairing beside a rule: were the rule lost, rows would leave against it."""

    def withhold(worker: int) -> None:
        for number in range(5):
            set_project_upload(home, f"project-{worker}-{number}", uploaded=False)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(withhold, range(4)))
    rules = load_config(home).cloud.upload.per_project
    assert len(rules) == 20
    assert not any(rule.upload for rule in rules.values())
