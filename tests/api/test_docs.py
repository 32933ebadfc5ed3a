"""docs/api.md works as it stands there: its shell and its Python are run against the served application."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import factories as make
from tests.api.program import new_key
from tests.browsing import apart
from tests.serving import served

pytestmark = pytest.mark.once

DOCS = Path(__file__).resolve().parents[2] / "docs" / "api.md"


@pytest.mark.parametrize("language", ["sh", "python"])
def test_what_stands_there_can_be_copied(app, westside, language):
    if language == "sh" and not (shutil.which("curl") and shutil.which("bash")):
        pytest.skip("no curl here")
    blocks = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)
    _, secret = new_key(make.owner_of(westside))
    assert len(blocks) >= 2
    with served(apart(app)) as address:
        text = "\n".join(blocks).replace("http://127.0.0.1:5000", address).replace("fp_...", secret)
        env = os.environ | {"FINGERPOST": f"{address}/api/v1", "FINGERPOST_KEY": secret}
        command = ["bash", "-euo", "pipefail", "-c", text] if language == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert ('"state":"draft"' if language == "sh" else " draft 262.50") in done.stdout and "problem" not in done.stdout
