"""Each of these faults, put into the product on purpose, is caught by the short test that is named for it."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.properties.named_bugs import BUGS, MORE_BUGS

ROOT = Path(__file__).resolve().parent.parent.parent
OF_THE_OUTER_RUN = ("PYTEST_", "SLIPCOVER_")
FACTOR = int(os.environ.get("FINGERPOST_LENGTH", "1"))


@pytest.mark.once
def test_each_bug_is_caught_by_the_test_that_is_named_for_it(tmp_path, record_property):
    bugs = {bug.__name__: test for bug, test in (BUGS | (MORE_BUGS if FACTOR > 1 else {})).items()}
    caught = tmp_path / "caught.json"
    told = {"FINGERPOST_BUGS": ",".join(bugs), "FINGERPOST_CAUGHT": str(caught), "FINGERPOST_LENGTH": "1"}
    own = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_OUTER_RUN)}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.properties.named_bugs", "-p", "no:cacheprovider", "--tb=line",
         *sorted(set(bugs.values()))], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
        env=own | told)
    record_property("bugs", len(bugs))
    assert caught.exists(), run.stdout[-3000:] + run.stderr[-3000:]
    assert sorted(bugs.keys() - json.loads(caught.read_text())) == [], run.stdout[-3000:]
