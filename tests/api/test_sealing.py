"""A token waiting for its first use is readable to the holder of the poll token only."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag

from api.pairing.sealing import seal, unseal


def test_the_poll_token_opens_what_it_sealed() -> None:
    assert unseal(seal("secret", poll_token="p", session_id="s"), poll_token="p", session_id="s") == "secret"


def test_sealing_twice_gives_different_bytes_that_hold_no_plaintext() -> None:
    first, second = (seal("secret", poll_token="p", session_id="s") for _ in range(2))
    assert first != second
    assert b"secret" not in first


@pytest.mark.parametrize(("poll_token", "session_id", "flip"), [("q", "s", 0), ("p", "t", 0), ("p", "s", 1)])
def test_another_poll_token_session_or_content_does_not_open_it(poll_token: str, session_id: str, flip: int) -> None:
    sealed = bytearray(seal("secret", poll_token="p", session_id="s"))
    sealed[-1] ^= flip
    with pytest.raises(InvalidTag):
        unseal(bytes(sealed), poll_token=poll_token, session_id=session_id)
