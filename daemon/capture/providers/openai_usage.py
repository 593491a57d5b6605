"""Counts of tokens in OpenAI's two forms, as OpenAI, xAI and Gemini fill them in.

Belongs here: from a `usage` object to disjoint kinds. Does not belong here: where in an answer it stands
(`chat_completions`, `responses`).

Input includes cached tokens; output includes reasoning at OpenAI, and excludes it at xAI and Gemini. The total tells
which it was, and decides where it is given.
"""

from __future__ import annotations

from typing import Any, Final

from daemon.capture.providers.fields import count, mapping
from daemon.capture.providers.reading import Reading

CHAT_FORM: Final = ("prompt_tokens", "prompt_tokens_details", "completion_tokens", "completion_tokens_details")
RESPONSES_FORM: Final = ("input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details")


def read_usage(reading: Reading, value: Any, form: tuple[str, str, str, str]) -> None:
    """Take the counts of a `usage` object; none that are missing or unbelievable.

    Args:
        reading: to add them to.
        value: of `usage`; anything.
        form: keys of input, its details, output and its details.
    """
    usage = mapping(value)
    input_key, input_details, output_key, output_details = form
    prompt, output = count(usage.get(input_key)), count(usage.get(output_key))
    if prompt is not None:
        prompt = _count_input(reading, prompt, mapping(usage.get(input_details)))
    if output is None:
        return
    reasoning = count(mapping(usage.get(output_details)).get("reasoning_tokens")) or 0
    total = count(usage.get("total_tokens"))
    if total is None or prompt is None:
        apart = reasoning if reading.provider == "xai" and form is CHAT_FORM else 0
    else:
        apart = max(total - prompt - output, 0)
        if reading.provider == "gemini":
            reasoning = max(reasoning, apart)  # it does not say what the rest is, which can be nothing but thinking
        apart = min(reasoning, apart)
    reading.count_output(output + apart, reasoning)


def _count_input(reading: Reading, prompt: int, details: dict[str, Any]) -> int:
    """Count the input, and return all of it."""
    cached = count(details.get("cached_tokens")) or 0
    written = count(details.get("cache_write_tokens")) or 0
    if cached > prompt and reading.provider == "xai":
        prompt += cached  # some of its models leave the cached tokens out
    written = max(min(written, prompt - cached), 0)
    reading.count_input(uncached=prompt - cached - written, cache_read=cached, write_5m=written)
    return prompt
