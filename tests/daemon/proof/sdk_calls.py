"""What a developer's program does with the official SDKs; run as a process of its own, it prints all that it got.

Knows nothing of a meter: addresses and trust come from the environment, as the SDKs read it. The one exception is xAI,
whose address programs give to the SDKs of others.

    python sdk_calls.py anthropic openai gemini xai
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

PROMPT = "Say hello to the café."
KEYS = {
    "anthropic": "sk-ant-secret-0001",
    "openai": "sk-proj-secret-0002",
    "gemini": "AIza-secret-0003",
    "xai": "xai-secret-0004",
}
FAILS_ONCE, NEVER_ENDS = "fails once", "never ends"
"""Names of users for whom the fake providers fail the first attempt, or fall silent in the middle."""
XAI_URL = "https://api.x.ai/v1"
PROJECT_HEADER = {"X-Halton-Project": "Of The Header"}
ASKED: Any = {"messages": [{"role": "user", "content": PROMPT}]}


def dumped(answer: Any) -> Any:
    """All of an answer, whatever the SDK made of it."""
    return answer.model_dump(mode="json")


def anthropic() -> Iterator[Any]:
    from anthropic import Anthropic, AsyncAnthropic

    asked = ASKED | {"model": "claude-haiku-4-5", "max_tokens": 256}
    with Anthropic(api_key=KEYS["anthropic"], max_retries=0) as client:
        yield dumped(client.messages.create(**asked))
        with client.messages.stream(**asked) as stream:
            yield [dumped(event) for event in stream]
            yield dumped(stream.get_final_message())
        patient = client.with_options(max_retries=1)
        yield dumped(patient.messages.create(**asked, metadata={"user_id": FAILS_ONCE}))
        with client.messages.create(**asked, metadata={"user_id": NEVER_ENDS}, stream=True) as events:
            yield dumped(next(iter(events)))

    async def beside() -> Any:
        async with AsyncAnthropic(api_key=KEYS["anthropic"], max_retries=0) as client:
            return dumped(await client.messages.create(**asked))

    yield asyncio.run(beside())


def _openai_like(client: Any, model: str) -> Iterator[Any]:
    asked = ASKED | {"model": model}
    yield dumped(client.chat.completions.create(**asked))
    yield [
        dumped(chunk)
        for chunk in client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    ]
    yield dumped(client.responses.create(model=model, input=PROMPT))
    yield [dumped(event) for event in client.responses.create(model=model, input=PROMPT, stream=True)]


def openai() -> Iterator[Any]:
    from openai import OpenAI

    with OpenAI(api_key=KEYS["openai"], max_retries=0) as client:
        yield from _openai_like(client, "gpt-5-mini")
        yield [dumped(chunk) for chunk in client.chat.completions.create(**ASKED, model="gpt-5-mini", stream=True)]
        asked: Any = {"model": "text-embedding-3-small", "input": [PROMPT]}
        yield dumped(client.embeddings.create(**asked, extra_headers=PROJECT_HEADER))


def gemini() -> Iterator[Any]:
    from google import genai

    with genai.Client(api_key=KEYS["gemini"]) as client:
        models = client.models
        yield dumped(models.generate_content(model="gemini-2.5-flash", contents=PROMPT))
        yield [dumped(part) for part in models.generate_content_stream(model="gemini-2.5-flash", contents=PROMPT)]
        yield dumped(models.embed_content(model="gemini-embedding-001", contents=PROMPT))


def xai() -> Iterator[Any]:
    from anthropic import Anthropic
    from openai import OpenAI

    url = os.environ.get("XAI_BASE_URL", XAI_URL)
    with OpenAI(api_key=KEYS["xai"], base_url=url, max_retries=0) as client:
        yield from _openai_like(client, "grok-4")
    with Anthropic(api_key=KEYS["xai"], base_url=url.removesuffix("/v1"), max_retries=0) as client:
        yield dumped(client.messages.create(**ASKED, model="grok-4", max_tokens=256))


CALLS = {"anthropic": anthropic, "openai": openai, "gemini": gemini, "xai": xai}

if __name__ == "__main__":
    sys.stdout.write(json.dumps({provider: list(CALLS[provider]()) for provider in sys.argv[1:]}) + "\n")
