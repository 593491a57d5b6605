"""Bodies of refusals, as providers write them."""

from __future__ import annotations

from tests.daemon.upstreams_shapes import compact, pretty

ANTHROPIC_RATE_LIMIT = compact(
    {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "This request would exceed your rate limit."},
        "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
    }
)
ANTHROPIC_OVERLOADED_EVENT = (
    b"event: error\n"
    b'data: {"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"}}\n\n'
)
OPENAI_QUOTA = pretty(
    {
        "error": {
            "message": "You exceeded your current quota, please check your plan and billing details.",
            "type": "insufficient_quota",
            "param": None,
            "code": "insufficient_quota",
        }
    }
)
OPENAI_BAD_KEY = pretty(
    {
        "error": {
            "message": "Incorrect API key provided.",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_api_key",
        }
    }
)
GEMINI_EXHAUSTED = pretty(
    {
        "error": {
            "code": 429,
            "message": "You exceeded your current quota.",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "33s"}],
        }
    }
)
GEMINI_BAD_KEY = pretty(
    {
        "error": {
            "code": 400,
            "message": "API key not valid. Please pass a valid API key.",
            "status": "INVALID_ARGUMENT",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "g"}
            ],
        }
    }
)
XAI_BAD_REQUEST = compact(
    {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***xx."}
)
