"""Files as the tools write them: the shapes are theirs, the content is made up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def stamp(seconds: float) -> str:
    """Return the instant `seconds` after the start, as the tools write instants."""
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def micros(seconds: float) -> int:
    return round((START.timestamp() + seconds) * 1_000_000)


def jsonl(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)


def claude_usage(fresh: int = 4, read: int = 15_030, short: int = 0, long: int = 8_655, output: int = 260) -> dict:
    return {
        "input_tokens": fresh,
        "cache_creation_input_tokens": short + long,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
        "output_tokens": output,
        "service_tier": "standard",
        "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
    }


def message_id(number: int) -> str:
    return f"msg_01{number:022d}"


def claude_line(
    number: int = 1,
    seconds: float = 0,
    *,
    usage: dict | None = None,
    stop: str | None = "end_turn",
    block: str = "text",
    **changes: Any,
) -> dict[str, Any]:
    """Return the line of one block of an answer."""
    line: dict[str, Any] = {
        "parentUuid": f"00000000-0000-4000-8000-{number:012d}",
        "isSidechain": False,
        "userType": "external",
        "cwd": "/home/vk/acme-api",
        "sessionId": "7b1d2f8e-52b0-4d11-9f6a-0d2f4a1c9b10",
        "version": "2.1.231",
        "gitBranch": "main",
        "message": {
            "model": "claude-sonnet-4-5-20250929",
            "id": message_id(number),
            "type": "message",
            "role": "assistant",
            "content": [{"type": block, block: "Done."}],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": claude_usage() if usage is None else usage,
        },
        "requestId": f"req_011{number:021d}",
        "type": "assistant",
        "uuid": f"00000000-0000-4000-9000-{number:012d}",
        "timestamp": stamp(seconds),
    }
    message = {key.removeprefix("message_"): changes.pop(key) for key in list(changes) if key.startswith("message_")}
    line["message"].update(message)
    return {key: value for key, value in (line | changes).items() if value is not ...}


def claude_person(seconds: float = 0) -> dict[str, Any]:
    return {
        "parentUuid": None,
        "isSidechain": False,
        "cwd": "/home/vk/acme-api",
        "sessionId": "7b1d2f8e-52b0-4d11-9f6a-0d2f4a1c9b10",
        "version": "2.1.231",
        "type": "user",
        "message": {"role": "user", "content": 'Why is "usage" empty for "assistant" rows?'},
        "uuid": "00000000-0000-4000-a000-000000000001",
        "timestamp": stamp(seconds),
    }


def codex_counts(fresh: int, read: int, output: int, thinking: int = 0, written: int | None = None) -> dict[str, int]:
    counts = {
        "input_tokens": fresh,
        "cached_input_tokens": read,
        "output_tokens": output,
        "reasoning_output_tokens": thinking,
        "total_tokens": fresh + output,
    }
    return counts if written is None else counts | {"cache_write_input_tokens": written}


def codex_meta(seconds: float = 0, conversation: str = "019a1000-0000-7000-8000-000000000001", **more: Any) -> dict:
    payload = {
        "id": conversation,
        "timestamp": stamp(seconds),
        "cwd": "/home/vk/billing",
        "originator": "codex_cli_rs",
        "cli_version": "0.155.1",
        "source": "cli",
        "model_provider": "openai",
        "git": {"branch": "main"},
    }
    return {"timestamp": stamp(seconds), "type": "session_meta", "payload": payload | more}


def codex_turn(seconds: float, turn: int | None, model: str = "gpt-5-codex", **more: Any) -> dict[str, Any]:
    payload: dict[str, Any] = {"cwd": "/home/vk/billing", "approval_policy": "on-request", "model": model}
    if turn is not None:
        payload["turn_id"] = f"019a1000-0001-7000-8000-{turn:012d}"
    return {"timestamp": stamp(seconds), "type": "turn_context", "payload": payload | more}


def codex_event(seconds: float, total: dict | None, last: dict | None) -> dict[str, Any]:
    info: dict[str, Any] | None = {"model_context_window": 258_400}
    if total is not None:
        info["total_token_usage"] = total
    if last is not None:
        info["last_token_usage"] = last
    if total is None and last is None:
        info = None
    limits = {"primary": {"used_percent": 8.0, "window_minutes": 300, "resets_at": 1_777_848_985}, "plan_type": "plus"}
    payload = {"type": "token_count", "info": info, "rate_limits": limits}
    return {"timestamp": stamp(seconds), "type": "event_msg", "payload": payload}


def codex_text(seconds: float) -> dict[str, Any]:
    payload = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "token_count?"}]}
    return {"timestamp": stamp(seconds), "type": "response_item", "payload": payload}


def gemini_header(conversation: str = "5d0f8c1a-0000-4000-8000-000000000001") -> dict[str, Any]:
    return {
        "sessionId": conversation,
        "projectHash": "9b" * 32,
        "startTime": stamp(0),
        "lastUpdated": stamp(0),
        "kind": "main",
    }


def gemini_answer(number: int, seconds: float, tokens: dict[str, int] | None = None, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "id": f"1f000000-0000-4000-8000-{number:012d}",
        "timestamp": stamp(seconds),
        "type": "gemini",
        "content": "Done.",
        "thoughts": [],
        "tokens": tokens,
        "model": "gemini-2.5-pro",
    }
    return answer | changes


def gemini_tokens(
    prompt: int = 12_000, output: int = 300, cached: int = 9_000, thoughts: int = 120, tool: int = 50
) -> dict[str, int]:
    total = prompt + output + thoughts + tool
    return {
        "input": prompt,
        "output": output,
        "cached": cached,
        "thoughts": thoughts,
        "tool": tool,
        "total": total,
    }


OPENAI_USAGE = """\
start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,\
service_tier,input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens,input_audio_tokens,output_audio_tokens
1761955200,1762041600,2025-11-01T00:00:00+00:00,2025-11-02T00:00:00+00:00,proj_acme,10.0,user-1,key_1,\
gpt-4o-2024-08-06,FALSE,default,59200.0,10646.0,5760.0,53440.0,0.0,0.0
1762041600,1762128000,2025-11-02T00:00:00+00:00,2025-11-03T00:00:00+00:00,proj_acme,8.0,user-1,key_1,\
gpt-5-2025-08-07,FALSE,default,46264.0,60000.0,8192.0,38072.0,0.0,0.0
1762041600,1762128000,2025-11-02T00:00:00+00:00,2025-11-03T00:00:00+00:00,proj_acme,1.0,user-1,key_1,\
gpt-5-2025-08-07,FALSE,default,5783.0,16000.0,0.0,5783.0,0.0,0.0
1762128000,1762214400,2025-11-03T00:00:00+00:00,2025-11-04T00:00:00+00:00,,,,,,,,,,,,,
1762214400,1762300800,2025-11-04T00:00:00+00:00,2025-11-05T00:00:00+00:00,proj_acme,40,user-1,key_1,\
gpt-5-2025-08-07,TRUE,default,5000001,31,0,5000001,0,0
"""
OPENAI_COSTS = """\
start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id,organization_id
1761955200,1762041600,2025-11-01T00:00:00+00:00,2025-11-02T00:00:00+00:00,0.8958740000000000,usd,\
"gpt-4o-2024-08-06, input",proj_acme,org-1
1762041600,1762128000,2025-11-02T00:00:00+00:00,2025-11-03T00:00:00+00:00,1e-7,usd,,proj_acme,org-1
1762128000,1762214400,2025-11-03T00:00:00+00:00,2025-11-04T00:00:00+00:00,,,,,
"""


def litellm_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "request_id": "chatcmpl-BqXy1",
        "call_type": "acompletion",
        "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "spend": 0.0123456,
        "total_tokens": 21_100,
        "prompt_tokens": 21_000,
        "completion_tokens": 100,
        "startTime": "2026-11-02T09:00:00.250000Z",
        "endTime": "2026-11-02T09:00:03.750000Z",
        "completionStartTime": "2026-11-02T09:00:00.900000Z",
        "model": "anthropic/claude-sonnet-4-5",
        "custom_llm_provider": "anthropic",
        "cache_hit": "False",
        "team_id": "team-1",
        "request_tags": [],
        "metadata": {
            "status": "success",
            "user_api_key_team_alias": "Acme API",
            "additional_usage_values": {
                "cache_creation_input_tokens": 5_000,
                "cache_read_input_tokens": 12_000,
                "prompt_tokens_details": {
                    "cached_tokens": 12_000,
                    "cache_creation_token_details": {
                        "ephemeral_5m_input_tokens": 2_000,
                        "ephemeral_1h_input_tokens": 3_000,
                    },
                },
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
        },
    }
    return row | changes
