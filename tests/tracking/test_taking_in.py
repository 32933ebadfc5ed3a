"""Files of clicks: nothing that was written is lost when a process is killed, and nothing is taken in twice."""
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from marketplace.foundation.db import db
from marketplace.tracking import taking_in
from marketplace.tracking.models import ClickMark, ClickSpool, clicks
from marketplace.tracking.spools import Spool, is_over, spooled
from marketplace.tracking.taking_in import Rounds, take_in


class Killed(Exception):
    """In the middle of it."""


NOW = 1_800_000_000_000  # Milliseconds since 1970.
WRITER = """
import sys
from pathlib import Path
from marketplace.tracking.models import ClickMark
from marketplace.tracking.spools import Spool
spool = Spool(Path(sys.argv[1]))
for number in range(10_000_000):
    spool.write("7k3mq9xd", 1_800_000_000_000 + number, f"{number:016}", ClickMark.COUNTED, None)
    if number % 100 == 99:
        print(number + 1, flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "clicks"


def write(spool, number, *, start=0):
    for one in range(start, start + number):
        spool.write("7k3mq9xd", NOW + one, f"{one:016}", ClickMark.COUNTED, "blog" if one % 2 else None)


def in_database():
    number = db.session.scalar(select(func.count()).select_from(clicks))
    counted = db.session.scalar(select(func.coalesce(func.sum(taking_in.click_days.c.counted), 0)))
    db.session.rollback()
    assert number == counted
    return number


def test_what_is_written_is_taken_in_once_while_the_file_grows_and_the_file_goes_when_its_process_does(app, folder):
    spool = Spool(folder)
    for round_ in range(3):
        write(spool, 500, start=500 * round_)
        assert take_in(folder) == 500 and take_in(folder) == 0 and in_database() == 500 * (round_ + 1)
    assert len(spooled(folder)) == 1 and not is_over(spooled(folder)[0])
    spool.close()
    assert take_in(folder) == 0 and spooled(folder) == [] and db.session.scalar(select(func.count()).select_from(ClickSpool)) == 0
    write(spool, 5, start=2_000)
    assert take_in(folder) == 5 and in_database() == 1_505


def test_a_worker_that_dies_while_it_takes_clicks_in_takes_none_of_them_twice(app, folder, monkeypatch):
    spool = Spool(folder)
    write(spool, 3_000)
    spool.close()
    monkeypatch.setattr(taking_in, "AT_ONCE", 40_000)
    steps = []

    def dies(*arguments):
        steps.append(arguments)
        if len(steps) == 3:
            raise Killed
        return real(*arguments)

    real = taking_in.write_clicks
    monkeypatch.setattr(taking_in, "write_clicks", dies)
    with pytest.raises(Killed):
        take_in(folder)
    assert 0 < in_database() < 3_000
    take_in(folder)
    assert in_database() == 3_000 and spooled(folder) == []


def test_a_row_that_was_written_before_the_file_was_removed_is_not_taken_in_again(app, folder, monkeypatch):
    spool = Spool(folder)
    write(spool, 10)
    spool.close()
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        take_in(folder)
    monkeypatch.undo()
    assert take_in(folder) == 0 and in_database() == 10 and spooled(folder) == []


@pytest.mark.once
def test_a_killed_process_loses_no_click_that_it_answered(app, folder):
    """kill -9 in the middle of its work: whatever it said was written is in the file."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    said = [int(writer.stdout.readline()) for _ in range(20)][-1]
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split()
    writer.stdout.close()
    writer.wait()
    said = max([said, *map(int, rest)])
    assert all(is_over(path) for path in spooled(folder))
    take_in(folder)
    assert said <= in_database() <= said + 100 and spooled(folder) == []


def test_lines_that_a_power_cut_tore_are_left_out_and_the_others_are_taken(app, folder):
    spool = Spool(folder)
    write(spool, 3)
    spool.close()
    path = spooled(folder)[0]
    path.write_bytes(path.read_bytes() + b"\0\0\0\0 7k3\n1800000000009 7k3mq9xd " + b"z" * 16 + b" c \n18000000000")
    assert take_in(folder) == 4 and in_database() == 4 and spooled(folder) == []


def test_clicks_of_one_visitor_in_two_processes_files_are_one_whatever_file_comes_first(app, folder):
    later, earlier = Spool(folder), Spool(folder)
    later.write("7k3mq9xd", NOW + 60_000, "v" * 16, ClickMark.COUNTED, None)
    earlier.write("7k3mq9xd", NOW, "v" * 16, ClickMark.COUNTED, None)
    take_in(folder)
    marks = [row.mark.value for row in db.session.execute(select(clicks.c.mark).order_by(clicks.c.id))]
    assert marks == ["counted", "repeat"]
    later.close(), earlier.close()


@pytest.mark.once
def test_a_full_disk_costs_clicks_and_no_redirect(app, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    spool = Spool(tmp_path / "file" / "clicks")
    write(spool, 3)
    assert caplog.text.count("clicks cannot be written") == 1


@pytest.mark.once
def test_a_file_that_is_old_is_ended_and_another_one_begun(app, folder, later):
    spool = Spool(folder)
    write(spool, 1)
    spool.sync()
    assert not is_over(spooled(folder)[0])
    later(minutes=11)
    spool.sync()
    assert is_over(spooled(folder)[0])
    write(spool, 1, start=1)
    assert len(spooled(folder)) == 2
    spool.close()


@pytest.mark.once
def test_a_worker_looks_at_most_once_a_second(app, folder):
    time = [0.0]
    rounds, spool = Rounds(folder, monotonic=lambda: time[0]), Spool(folder)
    for moment, number in ((0.0, 1), (0.5, 1), (1.0, 3)):
        time[0] = moment
        write(spool, 1, start=int(moment * 10))
        rounds.go_round()
        assert in_database() == number
    spool.close()
