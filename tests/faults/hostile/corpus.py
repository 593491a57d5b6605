"""The hostile values that are tried on every route, whatever the route takes.

Belongs here: fixed bodies, headers, queries and path values. Does not belong here: generated ones (`requests`).
"""

from __future__ import annotations

import gzip
from functools import lru_cache

import zstandard

MARK = "zzEchoMarkzz"
"""Planted wherever there is room for it; no refusal may repeat it."""
_MARK = MARK.encode()

BODIES: dict[str, bytes] = {
    "empty": b"",
    "not json": b"nope " + _MARK,
    "null": b"null",
    "number": b"1e999",
    "NaN": b"NaN",
    "array": b'["' + _MARK + b'"]',
    "empty object": b"{}",
    "deep arrays": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "balanced deep": b"[" * 100_000 + b"]" * 100_000,
    "deep records": b'{"batch_id":"b","records":[' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]}",
    "invalid utf-8": b'{"batch_id": "\xff\xfe' + _MARK + b'"}',
    "utf-16": ('{"batch_id": "b", "records": ["' + MARK + '"]}').encode("utf-16"),
    "lone surrogate": b'{"batch_id": "\\ud800", "records": [{"id": "\\udfff"}]}',
    "NUL": b'{"batch_id": "a\\u0000' + _MARK + b'", "records": []}',
    "raw NUL": b"\x00" * 64,
    "duplicate keys": b'{"batch_id": "a", "batch_id": "' + _MARK + b'", "records": [], "records": []}',
    "huge integer": b'{"batch_id": "b", "records": [' + b"9" * 100_000 + b"]}",
    "huge integers in text": b'{"hostname": ' + b"9" * 5_000 + b"}",
    "2^63": b'{"hostname": 9223372036854775808, "batch_id": -9223372036854775809, "records": 18446744073709551616}',
    "huge string": b'{"hostname": "' + _MARK * 80_000 + b'", "daemon_version": "1", "platform": "L"}',
    "extra fields": b'{"hostname": "h", "daemon_version": "1", "platform": "L", "role": "owner", "plan": "'
    + _MARK + b'", "workspace_id": "x"}',
    "wrong types": b'{"hostname": 5, "daemon_version": [], "platform": {"' + _MARK + b'": true}}',
    "true for 1": b'{"batch_id": true, "records": {"id": "12"}}',
    "markup": b'{"hostname": "<script>' + _MARK + b'</script>"}',
    "batch of nulls": b'{"batch_id": "b", "records": [null, null]}',
    "poll": b'{"pairing_code": "\\ud800", "poll_token": "\\u0000' + _MARK + b'"}',
    "body leg": b'{"request_id": "\\ud800", "direction": "sideways' + _MARK + b'"}',
    "key of a megabyte": b'{"' + _MARK * 90_000 + b'": 1}',
}  # fmt: skip
HEADERS: tuple[dict[str, str | bytes], ...] = (
    {},
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/json; charset=utf-7"},
    {"Content-Type": b"\xff\xfe" + _MARK},
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "zstd"},
    {"Content-Encoding": MARK},
    {"Accept": MARK * 100, "Accept-Encoding": "*;q=NaN"},
    {"X-Forwarded-For": MARK, "X-Forwarded-Proto": MARK, "Forwarded": f"for={MARK}"},
    {"Cookie": MARK * 500, "Range": f"bytes={MARK}"},
    {"If-None-Match": MARK, "If-Modified-Since": MARK},
    {"Expect": MARK},
    {"X-HTTP-Method-Override": "DELETE", "Origin": f"https://{MARK}.example", "Referer": MARK},
)
QUERIES = (
    f"range={MARK}",
    "range=custom&from=9999-99-99&to=%00",
    "range=custom&from=0001-01-01&to=9999-12-31",
    "provider=" + "a" * 5_000,
    "project=%27%3B%20drop%20table%20fct_requests%3B--&model=%ED%A0%80",
    "cursor=%FF%FE&limit=-1",
    f"limit=99999999999999999999&search=%25%27%22{MARK}",
    "from_date=2026-13-45&to_date=x",
    "from_date=0001-01-01&to_date=9999-12-31",
    "&".join(f"device={index}" for index in range(300)),
    "limit=NaN&limit=1e999&limit=true",
    "%=%&&&==;",
)
PATH_VALUES = (
    "acme", "x" * 2_000, "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%00", "%ED%A0%80", "'%20or%201=1%20--", MARK, "%FF", "..",
    "acme/" * 50,
)  # fmt: skip


@lru_cache(maxsize=1)
def bombs() -> list[tuple[bytes, str]]:
    """Return compressed bodies that grow a thousandfold, with their encodings."""
    return [
        (zstandard.compress(bytes(250_000_000)), "zstd"),
        (gzip.compress(bytes(250_000_000), compresslevel=1), "gzip"),
        (zstandard.compress(bytes(20_000_000))[:-9], "zstd"),
        (gzip.compress(gzip.compress(bytes(50_000_000))), "gzip"),
    ]


# Not HTTP, or two requests in one: `{}` is where the method and path of a route go.
MALFORMED: tuple[bytes, ...] = (
    b"{} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + _MARK + b"\r\n0\r\n\r\n",
    b"{} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    b"{} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n" + _MARK,
    b"{} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"{} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity, " + _MARK + b"\r\n\r\n0\r\n\r\n",
    b"{} HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    b"{} HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 6\r\n\r\nhello!",
    b"{} HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"{} HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\nx",
    b"{} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n" + _MARK,
    b"{} HTTP/9.9\r\nHost: h\r\n\r\n",
    b"{} HTTP/1.1\r\n" + _MARK + b"\r\n\r\n",
    b"{} HTTP/1.1\r\nHost: h\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n",
    b"{} HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X-%d: y\r\n" % index for index in range(3_000)) + b"\r\n",
    b"{} HTTP/1.1\r\nHost: h\r\nX\x00Y: \x00\r\n\r\n",
    b"{}?" + b"q" * 100_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    b"{} HTTP/1.1\nHost: h\n\n",
    b"{}",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + _MARK,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x00" * 1_000,
    b"GET  HTTP/1.1\r\n\r\n",
    b"GET /\xff\xfe" + _MARK + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    b"CONNECT " + _MARK + b":443 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
    b"BREW /" + _MARK + b" HTTP/1.1\r\nHost: h\r\n\r\n",
)
