"""The format of sync tokens and API keys."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.tokens import SecretKind, bearer_secret, new_secret, secret_digest, secret_kind

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("kind", SecretKind)
def test_a_secret_is_a_prefix_thirty_random_characters_and_six_of_checksum(kind: SecretKind) -> None:
    secrets = {new_secret(kind) for _ in range(200)}
    assert len(secrets) == 200
    for secret in secrets:
        assert re.fullmatch(rf"{kind.value}[0-9A-Za-z]{{36}}", secret)
        assert secret_kind(secret) is kind


@given(st.integers(8, 43), st.sampled_from(BASE62))
def test_one_mistyped_character_is_noticed_without_the_database(position: int, character: str) -> None:
    secret = "hm_sync_" + "0aZ" * 10 + "12evBK"
    good = new_secret(SecretKind.SYNC)
    changed = good[:position] + character + good[position + 1 :]
    assert secret_kind(changed) is (SecretKind.SYNC if changed == good else None)
    assert secret_kind(secret) is None


def test_a_key_does_not_pass_for_a_token_by_its_prefix() -> None:
    key = new_secret(SecretKind.API)
    assert secret_kind(key.replace("hm_api_", "hm_sync_")) is None


@given(st.text(max_size=80))
def test_any_text_is_read_without_an_accident(text: str) -> None:
    assert secret_kind(text) is None
    assert bearer_secret(text, SecretKind.SYNC) is None
    assert bearer_secret(f"Bearer {text}", SecretKind.SYNC) is None


def test_the_checksum_never_changes_between_releases() -> None:
    assert secret_kind("hm_sync_0123456789ABCDEFGHIJKLMNOPQRST" + "1K0xro") is SecretKind.SYNC
    assert secret_kind("hm_api_0123456789ABCDEFGHIJKLMNOPQRST" + "23oMnU") is SecretKind.API


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_the_bearer_scheme_is_read_in_any_case(scheme: str) -> None:
    secret = new_secret(SecretKind.SYNC)
    assert bearer_secret(scheme + secret, SecretKind.SYNC) == secret


def test_a_bearer_of_another_kind_or_none_is_no_secret() -> None:
    secret = new_secret(SecretKind.SYNC)
    assert bearer_secret(f"Bearer {secret}", SecretKind.API) is None
    for header in (None, "", secret, f"Basic {secret}", f"Bearer {secret} {secret}", f"Bearer{secret}"):
        assert bearer_secret(header, SecretKind.SYNC) is None


def test_the_stored_digest_is_sha256() -> None:
    assert secret_digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
