"""What must not be kept: keys, tokens, passwords, card numbers, addresses of people, and pictures.

Belongs here: how each is recognised. Does not belong here: undoing escapes (`views`), taking them out (`redaction`).

Every pattern takes time in proportion to the text, whatever the text is: runs are bounded, or begin only where a run
begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple


class Span(NamedTuple):
    """A stretch of text that must not be kept.

    Attributes:
        start: place of its first character.
        end: place after its last.
        kind: what it is, in a word or two.
    """

    start: int
    end: int
    kind: str


_ISSUED: Final = (
    r"sk-[A-Za-z0-9_-]{16,}",  # Anthropic, OpenAI, DeepSeek, OpenRouter …
    r"(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}",  # Stripe
    r"xai-[A-Za-z0-9_-]{16,}",
    r"AIza[A-Za-z0-9_-]{30,}",  # Google
    r"(?:ya29|GOCSPX)[.-][A-Za-z0-9_-]{16,}",
    r"(?:gsk|hf|r8|nvapi|fw|tgp_v1|dop_v1|hm_sync)[_-][A-Za-z0-9_-]{16,}",
    r"pplx-[A-Za-z0-9]{16,}",
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_[A-Za-z0-9_]{20,}",
    r"glpat-[A-Za-z0-9_-]{16,}",
    r"npm_[A-Za-z0-9]{20,}",
    r"pypi-[A-Za-z0-9_-]{20,}",
    r"xox[abeprs]-[A-Za-z0-9-]{10,}",
    r"xapp-[A-Za-z0-9-]{10,}",
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])",  # AWS
)
_NAMES: Final = (
    r"api[_-]?key|api[_-]?token|access[_-]?key|access[_-]?token|auth[_-]?token|refresh[_-]?token|client[_-]?secret"
    r"|secret[_-]?access[_-]?key|secret[_-]?key|private[_-]?key|account[_-]?key|secret|token|password|passwd|passphrase"
    r"|pwd|credentials?"
)
_PATTERNS: Final = (
    (
        "private key",
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            r".*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
    ),
    ("api key", re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_ISSUED)})")),
    ("token", re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?")),
    ("token", re.compile(r"(?i:\bbearer)\s{1,8}((?=[A-Za-z0-9._~+/-]*[0-9])[A-Za-z0-9._~+/-]{12,}={0,2})")),
    ("password", re.compile(r"(?i:authorization[\"']?\s{0,8}[:=]\s{0,8}[\"']?basic)\s{1,8}([A-Za-z0-9+/=_-]{4,})")),
    ("password", re.compile(r"://[^/\s:@\"'\\]{0,256}:([^/\s@\"'\\]{1,256})@")),
    (
        "password",
        re.compile(
            rf"(?i:{_NAMES})[\"']?\s{{0,8}}(?:=>|:=|[:=])\s{{0,8}}"
            r"""["']?((?![\w.]{1,64}\()(?![0-9.]+\b)[^\s"',;{}\[\]()<>\\]{6,})"""
        ),
    ),
    (
        "email",
        re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,256}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"),
    ),
    ("base64", re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{256,}={0,2}")),
    ("base64", re.compile(r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{60,76}\r?\n){4,}[A-Za-z0-9+/]{0,76}={0,2}")),
)
_CARD: Final = re.compile(r"(?<![0-9.-])(?:4|5[1-5]|2[2-7]|3[47]|6(?:011|4[4-9]|5))(?:[ -]?[0-9]){9,18}(?![0-9])")
_CARD_DIGITS: Final = range(13, 20)


def find_secrets(text: str) -> Iterator[Span]:
    """Yield what must not be kept of `text`, in no order, possibly overlapping."""
    for kind, pattern in _PATTERNS:
        for found in pattern.finditer(text):
            start, end = found.span(pattern.groups and 1)
            yield Span(start, end, kind)
    for found in _CARD.finditer(text):
        if is_card_number(found[0]):
            yield Span(found.start(), found.end(), "card number")


def is_card_number(text: str) -> bool:
    """Return whether the digits of `text` are as many as a card's and its check digit is right."""
    digits = [int(one) for one in text if one.isdecimal()]
    if len(digits) not in _CARD_DIGITS:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
