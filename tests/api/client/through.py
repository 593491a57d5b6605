"""The client's way to an application that no socket serves."""

from __future__ import annotations

import httpx
from fastapi.testclient import TestClient


class Through(httpx.BaseTransport):
    """Hands requests to a test client."""

    def __init__(self, client: TestClient) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        headers = {name: value for name, value in request.headers.items() if name.lower() != "accept-encoding"}
        answer = self._client.request(request.method, path, headers=headers, follow_redirects=False)
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)
