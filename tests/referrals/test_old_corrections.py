"""What witnesses had corrected before 0032 stands in columns after it."""
from sqlalchemy import create_engine, text

from marketplace.foundation.crypto import encrypt
from tests.old_database import migrate, old_database

FIRST = "This instead of what I answered first: "
OTHERS = "id, dispute_id, side, said_by, text, link, created_at"
SAID = {
    "a": f"{FIRST}Yes, I bought from them on 2 Nov 2026 for about $21,500.50. For about $9.",
    "b": f"{FIRST}Yes, I bought from them. I did, on 3 Nov 2026 for about $9.",
    "c": f"{FIRST}No, I did not buy from them. Yes, I bought from them.", "d": f"{FIRST}I would rather not say. Sorry.",
}


def test_are_read_out_of_their_words_once(request, tmp_path, app):
    with old_database(request, tmp_path) as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
                                           "$$ BEGIN RAISE EXCEPTION 'immutable'; END $$")
            connection.execute(text("CREATE TABLE witness_answers (dispute_id TEXT, currency TEXT)"))
            connection.execute(text("INSERT INTO witness_answers VALUES ('asked', 'usd')"))
            connection.execute(text(
                "CREATE TABLE dispute_statements (id TEXT, dispute_id TEXT, side TEXT, said_by TEXT, text TEXT, link TEXT, "
                "created_at TEXT, CONSTRAINT dispute_statements_pk PRIMARY KEY (id))"))
            for name, words in SAID.items():
                connection.execute(text("INSERT INTO dispute_statements VALUES (:id, 'asked', 'buyer', 'x', :text, NULL, '')"),
                                   {"id": name, "text": encrypt(words)})
            connection.execute(text("INSERT INTO dispute_statements VALUES ('e', 'asked', 'buyer', 'x', NULL, NULL, ''), "
                                    "('f', 'misused', 'buyer', 'x', 'never read', NULL, '')"))
            keep = "CREATE TRIGGER dispute_statements_kept BEFORE UPDATE ON dispute_statements "
            connection.exec_driver_sql(
                keep + "FOR EACH ROW EXECUTE FUNCTION refuse_change('dispute_statements')"
                if connection.dialect.name == "postgresql" else keep + "BEGIN SELECT RAISE(ABORT, 'immutable'); END")
            before = connection.execute(text(f"SELECT {OTHERS} FROM dispute_statements ORDER BY id")).all()
            migrate(connection, "upgrade", "0032_what_a_witness_corrects")
            kept = connection.execute(text("SELECT id, said, bought_on, amount_minor FROM dispute_statements ORDER BY id")).all()
            assert [(one.id, one.said, str(one.bought_on), one.amount_minor) for one in kept] == [
                ("a", "bought", "2026-11-02", 2_150_050), ("b", "bought", "None", None), ("c", "not_bought", "None", None),
                ("d", "rather_not", "None", None), ("e", None, "None", None), ("f", None, "None", None)]
            migrate(connection, "downgrade", "0032_what_a_witness_corrects")
            assert connection.execute(text("SELECT * FROM dispute_statements ORDER BY id")).all() == before
        engine.dispose()
