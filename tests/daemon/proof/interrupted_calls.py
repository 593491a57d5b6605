"""A developer's program that has bad luck: its stream falls silent, and later calls are made when it is told to.

Prints a line for everything that happens. Told `again`, it calls with the client it has; told `anew`, with a new one.
"""

from __future__ import annotations

import sys
from typing import Any

from anthropic import Anthropic

from tests.daemon.proof.sdk_calls import ASKED, KEYS, NEVER_ENDS

ASK: Any = ASKED | {"model": "claude-haiku-4-5", "max_tokens": 256}


def new_client() -> Anthropic:
    return Anthropic(api_key=KEYS["anthropic"], max_retries=0)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def called(client: Anthropic) -> str:
    try:
        return client.messages.create(**ASK).id
    except Exception as error:  # noqa: BLE001 - whatever it is, the test is to see it
        return f"failed: {error!r}"


def main() -> None:
    client = new_client()
    say(called(client))
    try:
        with client.messages.create(**ASK, metadata={"user_id": NEVER_ENDS}, stream=True) as events:
            for event in events:
                if event.type == "content_block_delta" and event.delta.type == "text_delta":
                    say("text")
        say("ended")
    except Exception as error:  # noqa: BLE001 - SDKs differ in what they make of a broken stream
        say(f"broke: {type(error).__name__}")
    for line in sys.stdin:
        if line.strip() == "again":
            say(called(client))
        else:
            with new_client() as another:
                say(called(another))
    client.close()


if __name__ == "__main__":
    main()
