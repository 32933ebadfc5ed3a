"""A client that a generator makes of the document speaks to the running server, with its types."""
import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from openapi_python_client import Config, generate
from openapi_python_client.config import ConfigFile, MetaType

from tests import factories as make
from tests.api.program import BOUNTY, new_key
from tests.serving import served

pytestmark = pytest.mark.once


@pytest.fixture
def made(anonymous, tmp_path: Path) -> Iterator[ModuleType]:
    """The package of the client, generated anew."""
    document, package = tmp_path / "openapi.json", tmp_path / "client"
    document.write_bytes(anonymous.get("/api/v1/openapi.json").data)
    complaints = generate(config=Config.from_sources(
        ConfigFile(package_name_override="fingerpost_client", post_hooks=[]), MetaType.NONE, document, "utf-8",
        overwrite=False, output_path=package))
    assert [f"{one.header} {one.detail}" for one in complaints] == []
    shutil.move(package, tmp_path / "fingerpost_client")
    sys.path.insert(0, str(tmp_path))
    yield importlib.import_module("fingerpost_client")
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "fingerpost_client"]:
        del sys.modules[name]


def operation(tag: str, name: str) -> Any:
    return importlib.import_module(f"fingerpost_client.api.{tag}.{name}")


def test_it_writes_and_reads_a_bounty(app, made, westside):
    models = importlib.import_module("fingerpost_client.models")
    secret = new_key(make.owner_of(westside))[1]
    with served(app) as address, made.AuthenticatedClient(
            base_url=address, token=secret, raise_on_unexpected_status=True) as client:
        written = operation("bounties", "create_bounty").sync(
            westside.id, client=client, body=models.BountyInput.from_dict(BOUNTY), idempotency_key="k-1")
        assert isinstance(written, models.BountyOutput) and written.title == BOUNTY["title"]
        again = operation("bounties", "create_bounty").sync_detailed(
            westside.id, client=client, body=models.BountyInput.from_dict(BOUNTY), idempotency_key="k-1")
        assert again.parsed.id == written.id and again.headers["Idempotent-Replayed"] == "true"
        listed = operation("bounties", "list_own_bounties").sync(westside.id, client=client, limit=5)
        assert [one.id for one in listed.data] == [written.id] and listed.next_cursor is None
        refused = operation("bounties", "create_publication").sync(written.id, client=client)
        assert isinstance(refused, models.Problem) and refused.code == "not_funded"
