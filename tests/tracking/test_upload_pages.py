"""The pages of uploads, as a person goes through them; and files that are none."""
import io
import zlib
from datetime import timedelta
from time import process_time

import pytest
from lxml import html as lxml_html

from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Invalid
from marketplace.privacy.retention import uploaded_files
from marketplace.tracking.models import Report, Upload, UploadPart, UploadState, upload_keys
from marketplace.tracking.uploads import receiving
from marketplace.tracking.uploads.receiving import BadUpload, receive
from marketplace.tracking.uploads.spelling import guess_separator, read_rows
from marketplace.tracking.uploads.starting import read_row_numbers
from marketplace.tracking.uploads.values import Odd, guess_days, guess_decimals, moment_of, read_amount
from tests import factories as make
from tests.browsing import end_reading, words_of
from tests.tracking.report_steps import link
from tests.tracking.upload_steps import came_of, checked, fresh, rows_of, taken, uploaded

FILE = ("Order number;Sold on;Net amount;Coupon;Customer ID\nW-1;02/11/2026;1.200,50;{code};c1\n=W-2;05/10/2026;20,00;;\n"
        "W-3;someday;20,00;;\n")


@pytest.fixture
def wes(app):
    return make.make_user("Wes Park")


@pytest.fixture
def westside(wes):
    return make.make_business(wes)


class TestPages:
    def test_from_the_file_to_what_came_of_it(self, as_user, wes, westside, work):
        code = link(make.make_bounty(westside, is_live=True), make.make_user()).spoken
        browser = as_user(wes)
        browser.submit(f"/businesses/{westside.id}/uploads", {
            "file": (io.BytesIO(FILE.format(code=code).encode()), "orders.csv")})
        upload = db.session.query(Upload).one()
        page = browser.page(f"/uploads/{upload.id}")
        assert "parted by a semicolon" in words_of(page) and "W-1" in words_of(page)
        [form] = [one for one in page.forms if one.action.endswith("/check")]
        assert dict(form.form_values()).items() >= {"column_external_id": "0", "column_day": "1", "column_amount": "2", "column_code": "3", "decimals": "comma"}.items()
        assert form.fields["days"] == ""  # 02/11 may be either: that is asked, not guessed.
        assert "say how days are written" in words_of(html(browser.submit(f"/uploads/{upload.id}", {"column_day": "1"}, action="/check")))
        browser.submit(f"/uploads/{upload.id}", {"days": "dmy"}, action="/check")
        assert "0 %" in words_of(browser.page(f"/uploads/{upload.id}"))  # The bar is there without script.
        work()
        said = words_of(browser.page(f"/uploads/{upload.id}"))
        assert "Ana Flores" in said and "$1,000" in said and "someday" in said and "Row 4" in said
        sheet = browser.get(f"/uploads/{upload.id}/rows.csv").text
        assert '"4","W-3","cannot be read"' in sheet and "W-1" not in sheet
        everything = browser.get(f"/uploads/{upload.id}/rows.csv?outcome=kept").text
        assert "'=W-2" in everything and '"=W-2' not in everything
        browser.submit(f"/uploads/{upload.id}", {"outcomes": ["earns", "kept"]}, action="/taking")
        work()
        assert "What came of the rows" in words_of(browser.page(f"/uploads/{upload.id}"))
        assert {one.external_id for one in db.session.query(Report)} == {"W-1", "=W-2"}
        assert words_of(browser.page(f"/uploads/{upload.id}?outcome=unreadable")).count("Row 4") == 1

    def test_the_next_file_begins_with_what_was_said_of_this_one(self, as_user, wes, westside, work):
        checked(westside, "A,B,C\n1,2026-11-02,5\n", work, {"external_id": 0, "day": 1, "amount": 2})
        upload_id = uploaded(westside, "C,B,A\n5,2026-11-02,1\n")
        [form] = [one for one in as_user(wes).page(f"/uploads/{upload_id}").forms if one.action.endswith("/check")]
        values = dict(form.form_values())
        assert (values["column_external_id"], values["column_day"], values["column_amount"]) == ("2", "1", "0")

    def test_read_in_another_way(self, as_user, wes, westside):
        upload_id = uploaded(westside, "name,date\nMüller,2026-11-02\n".encode("cp1252"))
        browser = as_user(wes)
        assert "Müller" in words_of(browser.page(f"/uploads/{upload_id}"))
        browser.submit(f"/uploads/{upload_id}", {"encoding": "mac_roman", "separator": "tab"}, action="/spelling")
        upload = fresh(upload_id)
        assert (upload.encoding, upload.separator) == ("mac_roman", "\t")

    def test_the_file_goes_and_what_was_taken_stays(self, as_user, wes, westside, work):
        upload = taken(westside, "id,date,amount\n1,2026-11-02,5\n", work)
        as_user(wes).submit(f"/uploads/{upload.id}", action="/removal")
        end_reading()
        assert db.session.query(UploadPart).count() == db.session.query(upload_keys).count() == 0
        assert fresh(upload.id).state is UploadState.DISCARDED and db.session.query(Report).count() == 1

    def test_another_business_sees_nothing_of_it_and_its_ids_are_its_own(self, as_user, wes, westside, work):
        upload = taken(westside, "id,date,amount\n1,2026-11-02,5\n", work)
        other = make.make_business(make.make_user("Olga"), "Eastside")
        for path in ("", "/rows.csv"):
            assert as_user(make.owner_of(other)).get(f"/uploads/{upload.id}{path}").status_code == 404
        assert came_of(taken(other, "id,date,amount\n1,2026-11-02,7\n", work)) == {2: "kept"}
        assert {(one.business_id, one.amount_minor) for one in db.session.query(Report)} == {(westside.id, 500), (other.id, 700)}

    def test_its_time_over_it_goes_by_itself(self, westside, work, later):
        upload = taken(westside, "id,date,amount\n1,2026-11-02,5\n", work)
        waiting = uploaded(westside, "id,date,amount\n1,2026-11-02,5\n")
        later(days=31)
        with transaction():
            assert uploaded_files() == 2
        assert {fresh(one).state for one in (upload.id, waiting)} == {UploadState.DISCARDED}
        assert fresh(waiting).file_name == "" and db.session.query(UploadPart).count() == 0

    def test_nothing_of_a_customer_stands_readable_in_the_database(self, westside, work):
        upload = taken(westside, "id,date,amount,email\n1,2026-11-02,5,david@example.com\nx,2026-11-02,,david@example.com\n", work)
        raw = db.session.connection().exec_driver_sql(
            "SELECT content, outcomes, file_name FROM upload_parts JOIN uploads ON uploads.id = upload_id").all()
        assert not [cell for row in raw for cell in row if b"david" in (cell.encode() if isinstance(cell, str) else bytes(cell))]
        assert rows_of(upload)[3].outcome.value == "unreadable"


def html(response):
    return lxml_html.fromstring(response.text)


@pytest.mark.once
class TestBadFiles:
    @pytest.fixture(autouse=True)
    def _keys(self, app):
        """Hashes and parts are keyed."""

    @pytest.mark.parametrize("content", [
        b"", b"\n\n \n", b"PK\x03\x04rest of a zip", b"\x1f\x8brest of a gzip", b"\xd0\xcf\x11\xe0old", b"%PDF-1.7", b"[1]\x00\x01\x00\x02",
        b'{"a": 1}', b"<html>", b"a,b\n" + b"x" * 300_000, b"\xff\xfea\xd8,\xd8\n\xd8"])
    def test_what_is_no_csv_is_refused_with_what_to_do(self, content):
        with pytest.raises(BadUpload) as refused, receive(io.BytesIO(content)):
            pass
        assert refused.value.fields["file"] and refused.value.next_step

    def test_no_more_rows_and_bytes_than_we_take(self, monkeypatch):
        monkeypatch.setattr(receiving, "MOST_ROWS", 3)
        for rows, fits in ((3, True), (4, False)):
            file = io.BytesIO(b"a,b\n" + b"1,2\n" * rows)
            if fits:
                with receive(file) as received:
                    assert received.line_count == 4
            else:
                with pytest.raises(BadUpload), receive(file):
                    pass
        monkeypatch.setattr(receiving, "MOST_BYTES", 10)
        with pytest.raises(BadUpload), receive(io.BytesIO(b"a,b\n1,2\n3,4\n")):
            pass

    @pytest.mark.parametrize("content", [
        "a;b\n1;2\n".encode("utf-16"), "a;b\n1;2\n".encode("utf-16-le"), b"a;b\r1;2\r", "\ufeffa;b\r\n1;2\r\n".encode(), "ä;b\n1;2\n".encode("cp1252")])
    def test_files_of_other_programs_are_read(self, content):
        with receive(io.BytesIO(content)) as received:
            assert (received.separator, received.line_count) == (";", 2)

    def test_parts_are_cut_between_rows_never_within_a_quoted_cell(self, monkeypatch):
        monkeypatch.setattr(receiving, "ROWS_A_PART", 2)
        monkeypatch.setattr(receiving, "encrypt_bytes", lambda content: content)
        with receive(io.BytesIO(b'a,b\n1,"x\ny\nz"\n2,w\n3,v\n')) as received:
            parts = [zlib.decompress(one).decode() for one in received.parts()]
        assert [row for part in parts for row in read_rows(part, ",")] == [["a", "b"], ["1", "x\ny\nz"], ["2", "w"], ["3", "v"]]
        assert len(parts) == 2

    def test_a_bomb_of_cells_or_quotes_is_one_bad_row(self):
        rows = list(read_rows("a,b\n" + "," * 5_000 + "\n1,2\n" + '"' + "x" * 140_000 + "\n3,4\n", ","))
        assert rows[:3] == [["a", "b"], None, ["1", "2"]] and None in rows[3:]


@pytest.mark.once
class TestCells:
    @pytest.mark.parametrize(("text", "separator"), [
        ("a,b\n1,2\n", ","), ("a;b\n1,5;2,5\n", ";"), ("a\tb\n1,5\t2\n", "\t"), ("a|b\n1|2\n", "|"), ("only\none\n", ","),
        ('"x, y";b\n"1, 2";3\n', ";")])
    def test_the_separator_is_what_parts_the_rows_alike(self, text, separator):
        assert guess_separator(text) == separator

    @pytest.mark.parametrize(("cell", "order", "day"), [
        ("2026-11-02", "dmy", "2026-11-02"), ("2026-11-02T10:00:00Z", "ymd", "2026-11-02"), ("02.11.2026", "dmy", "2026-11-02"),
        ("11/02/2026", "mdy", "2026-11-02"), ("11/02/26", "mdy", "2026-11-02"), ("2 Nov 2026", "ymd", "2026-11-02"),
        ("November 2nd, 2026", "ymd", "2026-11-02"), ("2026/11/02 23:30 -05:00", "ymd", "2026-11-03"),
        ("11/1/2026 11:30 PM", "mdy", "2026-11-01"), ("1793577600", "ymd", "2026-11-02"), ("2026-11-02 10:00:00 UTC", "ymd", "2026-11-02")])
    def test_days_as_people_and_programs_write_them(self, cell, order, day, clock):
        clock.move(timedelta(days=3))
        assert moment_of(cell, order, product_clock.now()).date().isoformat() == day

    @pytest.mark.parametrize("cell", ["yesterday", "13/13/2026", "2027-01-01", "99999999999999999999", "", "1", "2026-02-30"])
    def test_what_is_no_day_is_refused(self, cell, clock):
        with pytest.raises(Odd):
            moment_of(cell, "dmy", product_clock.now())

    def test_where_a_day_may_be_two_nothing_is_guessed(self):
        assert guess_days(["02/11/2026", "05/10/2026"]) is None
        assert (guess_days(["02/11/2026", "25/10/2026"]), guess_days(["11/25/2026"]), guess_days(["2026-11-25"])) == ("dmy", "mdy", "ymd")

    @pytest.mark.parametrize(("cell", "decimals", "minor"), [
        ("1,234.50", "point", 123_450), ("1.234,50", "comma", 123_450), ("$20", "point", 2_000), ("20 USD", "point", 2_000),
        ("1 234,5", "comma", 123_450), ("1'234.50", "point", 123_450), ("123450", "minor", 123_450), ("1.2300", "point", 123),
        ("\u00a01\u202f234.50", "point", None), ("0.10", "point", 10)])
    def test_amounts_as_people_and_programs_write_them(self, cell, decimals, minor):
        if minor is None:
            cell, minor = "1\u202f234.50", 123_450
        assert read_amount(cell, "usd", decimals).minor == minor

    @pytest.mark.parametrize("cell", [
        "-5", "(5.00)", "\u22125", "$-5", "1.2345", "€5", "5 EUR", "five", "1,23,4", "1e9", "NaN", "9" * 400, "1000000.01", "=5", "1.234,50"])
    def test_what_is_no_amount_here_is_refused(self, cell):
        with pytest.raises(Odd) as refused:
            read_amount(cell, "usd", "point")
        assert refused.value.next_step

    def test_a_cell_or_a_box_full_of_blanks_costs_no_more_than_another(self):
        """The first took four seconds of a worker, with the database's only write lock in hand, the second ten."""
        begun = process_time()
        for filler in (" ", "\u00a0") * 100:
            with pytest.raises(Odd):
                read_amount(f"1{filler * 490}!", "usd", "point")
        with pytest.raises(Invalid):
            read_row_numbers(f"1{' ' * 19_990}x")
        assert process_time() - begun < 1
        assert read_row_numbers("12, 40 - 42;7\u20138") == [7, 8, 12, 40, 41, 42]

    def test_where_an_amount_may_be_two_nothing_is_guessed(self):
        assert guess_decimals(["1.234", "5.678"]) is None
        assert (guess_decimals(["1,234.50"]), guess_decimals(["1.234,50"]), guess_decimals(["12", "1000"])) == ("point", "comma", "point")
