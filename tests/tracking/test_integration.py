"""What a business puts into its own site, and the script for it."""
import gzip

import pytest

from marketplace.tracking.script import VERSION, script
from tests import factories as make

pytestmark = pytest.mark.once

GIVEN_OUT = {1: "sha384-0Dc2DQPmg8MD9zIwWL0fCaHvG0aijITVtCORFzzMyRMjbDbmQHpjJILxixLnF2Cz"}  # Sites of others name them: a changed script has the next number, and a line here.


def test_the_script_is_small_and_what_was_given_out_is_what_it_is(app, anonymous):
    served = anonymous.get(f"/fingerpost-{VERSION}.js")
    assert served.data == script().text and len(gzip.compress(served.data, mtime=0)) < 4096
    assert script().integrity == GIVEN_OUT[VERSION]


def test_any_site_may_load_it_and_keep_it(anonymous):
    served = anonymous.get("/fingerpost-1.js")
    assert served.mimetype == "text/javascript" and served.headers["Access-Control-Allow-Origin"] == "*"
    assert served.headers["Cross-Origin-Resource-Policy"] == "cross-origin" and "immutable" in served.headers["Cache-Control"]
    assert "Set-Cookie" not in served.headers


def test_the_page_has_what_is_copied_and_no_secret(as_user):
    business = make.make_business()
    page = as_user(make.owner_of(business)).page(f"/businesses/{business.id}/integration")
    copied = [" ".join(code.text_content().split()) for code in page.xpath("//main//code | //main//pre")]
    assert f'<script src="http://localhost/fingerpost-1.js" integrity="{script().integrity}" crossorigin="anonymous" defer></script>' in copied
    assert any(business.id in one and "/api/v1/conversions" in one for one in copied)
    assert not page.xpath("//*[contains(text(), 'fp_') and contains(text(), 'secret')]")
