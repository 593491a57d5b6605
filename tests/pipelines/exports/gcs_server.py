"""A Google Cloud Storage of one bucket on a port of this machine: the XML interface, as far as exports call it.

Belongs here: whole objects, uploads in parts, listings a page at a time, the account's signature, as Google documents
them. Does not belong here: what is written to it. Anything else it is asked is refused, so that no test passes by luck.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

BUCKET = "finops"
ACCOUNT = "exports@acme.example"
PAGE = 3
"""Objects of one page of a listing; Google's are of 1,000."""


@dataclass
class Bucket:
    """What it holds.

    Attributes:
        key: of the one service account that may use it.
        url: where it is served.
        objects: by name.
        uploads: parts by number, of uploads that are not completed.
        parts: how many parts were ever uploaded.
        listings: how many pages of listings were asked for.
    """

    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048))
    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    parts: int = 0
    listings: int = 0

    def service_account_key(self) -> str:
        """Return the account's key file, as Google writes it, with the address that stands for Google's."""
        key = {
            "private_key": self.key.as_pem(private=True).decode(),
            "private_key_id": "1",
            "client_email": ACCOUNT,
            "gcs_base_url": self.url,
        }
        return json.dumps(key)


@contextmanager
def gcs_server() -> Iterator[Bucket]:
    """Serve an empty bucket for as long as the block lasts."""
    bucket = Bucket()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"bucket": bucket}))
    bucket.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield bucket
    server.shutdown()
    server.server_close()
    thread.join(20)


class _Handler(BaseHTTPRequestHandler):
    bucket: Bucket
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name, query = self._asked()
        if not name and query.get("list-type") == "2":
            self._list(query.get("prefix", ""), query.get("continuation-token", ""))
        elif name in self.bucket.objects and not query:
            self._answer(200, self.bucket.objects[name])
        else:
            self._refuse(404, "NoSuchKey")

    def do_PUT(self) -> None:
        name, query = self._asked()
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "uploadId" in query:
            self.bucket.uploads[query["uploadId"]][int(query["partNumber"])] = content
            self.bucket.parts += 1
        elif name and not query:
            self.bucket.objects[name] = content
        else:
            return self._refuse(400, "InvalidArgument")
        return self._answer(200, b"", etag=content)

    def do_POST(self) -> None:
        name, query = self._asked()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "uploads" in query:
            upload = f"upload-{len(self.bucket.uploads)}"
            self.bucket.uploads[upload] = {}
            told = f"<Bucket>{BUCKET}</Bucket><Key>{escape(name)}</Key><UploadId>{upload}</UploadId>"
            return self._xml("InitiateMultipartUploadResult", told)
        if "uploadId" not in query:
            return self._refuse(400, "InvalidArgument")
        parts = self.bucket.uploads.pop(query["uploadId"])
        self.bucket.objects[name] = b"".join(parts[number] for number in sorted(parts))
        return self._xml("CompleteMultipartUploadResult", f"<Key>{escape(name)}</Key><ETag>whole</ETag>")

    def do_DELETE(self) -> None:
        name, _query = self._asked()
        if self.bucket.objects.pop(name, None) is None:
            return self._refuse(404, "NoSuchKey")
        return self._answer(204, b"")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
        """Say nothing."""

    def _asked(self) -> tuple[str, dict[str, str]]:
        """Return the object's name and the query; nothing that is there, when the account did not sign for it."""
        parts = urlsplit(self.path)
        bucket, _, name = unquote(parts.path).lstrip("/").partition("/")
        if bucket != BUCKET or not self._is_signed():
            return "", {"refused": ""}
        query = parse_qs(parts.query, keep_blank_values=True)
        return name, {key: values[0] for key, values in query.items()}

    def _is_signed(self) -> bool:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        try:
            claims = jwt.decode(token, self.bucket.key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return False
        return scheme == "Bearer" and claims["iss"] == ACCOUNT

    def _list(self, prefix: str, after: str) -> None:
        self.bucket.listings += 1
        names = sorted(name for name in self.bucket.objects if name.startswith(prefix) and name > after)
        page, more = names[:PAGE], len(names) > PAGE
        told = f"<Name>{BUCKET}</Name><IsTruncated>{str(more).lower()}</IsTruncated>"
        told += f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        for name in page:
            told += f"<Contents><Key>{escape(name)}</Key><Size>{len(self.bucket.objects[name])}</Size>"
            told += "<LastModified>2026-11-21T12:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag></Contents>"
        self._xml("ListBucketResult", told)

    def _xml(self, name: str, content: str) -> None:
        self._answer(200, f'<?xml version="1.0" encoding="UTF-8"?><{name}>{content}</{name}>'.encode())

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    def _answer(self, status: int, content: bytes, *, etag: bytes | None = None) -> None:
        self.send_response(status)
        self.send_header("ETag", f'"{hashlib.md5(etag or content, usedforsecurity=False).hexdigest()}"')
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 12:00:00 GMT")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status != 204:
            self.wfile.write(content)
