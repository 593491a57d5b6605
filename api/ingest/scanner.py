"""A cursor over JSON text that can step through an array one element at a time.

Belongs here: where values begin and end. Does not belong here: what the values mean (`rowwise`).

Python's own decoder does the work; this only walks the outermost braces, so that every record's exact text is known
and a record that cannot be decoded does not hide the ones after it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

_LONGEST_INT64: Final = 20
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_BRACKET_OR_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_OPENING: Final = frozenset("[{")


class MalformedError(ValueError):
    """The text is not JSON, or not shaped as expected at the cursor."""


@dataclass(frozen=True)
class Unbelievable:
    """Stands for a value Python reads but no wire type holds: NaN, Infinity, an integer beyond 64 bits."""

    text: str


@dataclass(frozen=True)
class RepeatedKey:
    """Stands for an object that names a key twice."""


@dataclass(frozen=True)
class TooDeep:
    """Stands for a value nested deeper than the decoder follows."""


def _object(pairs: list[tuple[str, Any]]) -> Any:
    built = dict(pairs)
    return built if len(built) == len(pairs) else RepeatedKey()


def _integer(text: str) -> int | Unbelievable:
    if len(text) > _LONGEST_INT64 or not -(2**63) <= (number := int(text)) < 2**63:
        return Unbelievable(text)
    return number


def _real(text: str) -> float | Unbelievable:
    number = float(text)
    return number if math.isfinite(number) else Unbelievable(text)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=Unbelievable
)


class Scanner:
    """Walks JSON text from the start.

    Attributes:
        position: index of the next character.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._skip_space()

    def object_keys(self) -> Iterator[str]:
        """Yield each key of the object at the cursor; the caller consumes the value before asking for the next.

        Raises:
            MalformedError: the text is not an object of key: value pairs.
        """
        self._expect("{")
        if self._accept("}"):
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise MalformedError
            self._expect(":")
            yield key
            if self._accept("}"):
                return
            self._expect(",")

    def elements(self) -> Iterator[tuple[Any, int, int]]:
        """Yield (value, start, end) of each element of the array at the cursor.

        Raises:
            MalformedError: the text is not an array.
        """
        self._expect("[")
        if self._accept("]"):
            return
        while True:
            start = self.position
            value = self.value()
            yield value, start, self._end_of_value
            if self._accept("]"):
                return
            self._expect(",")

    def value(self) -> Any:
        """Decode the value at the cursor and step over it.

        Raises:
            MalformedError: no JSON value stands here.
        """
        try:
            decoded, self.position = _DECODER.raw_decode(self.text, self.position)
        except RecursionError:
            decoded, self.position = TooDeep(), self._matching_bracket()
        except ValueError:
            raise MalformedError from None
        self._end_of_value = self.position
        self._skip_space()
        return decoded

    def expect_end(self) -> None:
        """Raise `MalformedError` unless nothing but space is left."""
        if self.position != len(self.text):
            raise MalformedError

    def _matching_bracket(self) -> int:
        depth = 0
        for found in _BRACKET_OR_STRING.finditer(self.text, self.position):
            token = found[0]
            if token[0] != '"':
                depth += 1 if token in _OPENING else -1
                if depth == 0:
                    return found.end()
        raise MalformedError

    def _skip_space(self) -> None:
        matched = _SPACE.match(self.text, self.position)
        self.position = matched.end() if matched else self.position

    def _accept(self, character: str) -> bool:
        if not self.text.startswith(character, self.position):
            return False
        self.position += 1
        self._skip_space()
        return True

    def _expect(self, character: str) -> None:
        if not self._accept(character):
            raise MalformedError
