"""The floor: the same server stack that only reads a batch and decodes it with msgspec. Nothing is kept.

Run as `python -m tests.benchmarks.rivals.decode_only WORKERS`.
"""

from __future__ import annotations

import sys

import msgspec
from fastapi import FastAPI, Request, Response

from daemon.wire.batch import Batch, Receipt
from tests.benchmarks.rivals.serving import serve

_BATCH = msgspec.json.Decoder(Batch)


def app() -> FastAPI:
    made = FastAPI()

    @made.get("/health")
    def health() -> dict[str, bool]:
        return {"up": True}

    @made.post("/v1/requests/batch")
    async def upload(request: Request) -> Response:
        batch = _BATCH.decode(await request.body())
        count = len(batch.records)
        receipt = Receipt(
            batch_id=batch.batch_id, received=count, accepted=count, duplicates=0, withheld=[], quarantined=[]
        )
        return Response(msgspec.json.encode(receipt), media_type="application/json")

    return made


if __name__ == "__main__":
    serve("tests.benchmarks.rivals.decode_only:app", int(sys.argv[1]))
