"""Where a home is, and which names it may not have."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.lake.paths import DATABASE_VARIABLE, HOME_VARIABLE, Home


def test_the_home_is_the_one_named_then_the_variable_then_a_folder_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "variable"))
    assert Home.locate(tmp_path / "named").root == tmp_path / "named"
    assert Home.locate().root == tmp_path / "variable"
    monkeypatch.delenv(HOME_VARIABLE)
    monkeypatch.chdir(tmp_path)
    assert Home.locate().root == tmp_path / ".halton"


@pytest.mark.parametrize("name", ["a*b", "what?", "[x]"])
def test_a_path_that_reads_as_a_pattern_is_refused(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match="must not contain"):
        Home(tmp_path / name)


def test_the_database_is_in_the_home_unless_a_url_says_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    assert Home(tmp_path).database_url == f"sqlite:///{tmp_path}/app.sqlite"
    monkeypatch.setenv(DATABASE_VARIABLE, "postgresql://db/halton")
    assert Home(tmp_path).database_url == "postgresql://db/halton"
