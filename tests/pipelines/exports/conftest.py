"""A small home with a published build, and an S3 server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.api.dashboards.world import World, build_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = build_world(tmp_path_factory.mktemp("exports"))
    yield built
    built.close()


@pytest.fixture
def fresh(world: World) -> Iterator[World]:
    yield world
    shutil.rmtree(world.home.scheduled_exports, ignore_errors=True)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str) -> Any:
    client = boto3.client(
        "s3", endpoint_url=s3, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    client.create_bucket(Bucket="finops")
    yield client
    found = client.list_objects_v2(Bucket="finops").get("Contents", [])
    for one in found:
        client.delete_object(Bucket="finops", Key=one["Key"])
    client.delete_bucket(Bucket="finops")
