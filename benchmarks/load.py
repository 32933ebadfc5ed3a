"""A server under load: prepared requests over kept connections, answers counted, the CPU time of whose work it is."""
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.processes import ROOT, free_port

CONNECTIONS = 32
WORKERS, THREADS = 2, 4
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Ran:
    """``answers`` a second, the slowest of a hundred in milliseconds, and how many there were."""

    a_second: float
    p99_ms: float
    answers: int
    statuses: Mapping[bytes, int]


@contextmanager
def serving(app: str, env: Mapping[str, str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """``module:app`` on granian: its port and process. A process group of its own."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
         "--workers", str(WORKERS),
         "--blocking-threads", str(THREADS), "--http", "1", "--no-ws", "--log-level", "error", app],
        cwd=ROOT, env={**os.environ, **env}, start_new_session=True)
    try:
        _wait_for(port, server)
        yield port, server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as one:
                one.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if one.recv(100):
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start")


def load(port: int, requests: Sequence[bytes], *, seconds: float, connections: int = CONNECTIONS) -> Ran:
    """Each connection sends one request, waits for its answer, and sends the next."""
    chosen, place, times, statuses = selectors.DefaultSelector(), 0, [], {}
    sent_at: dict[int, float] = {}
    partly: dict[int, bytes] = {}
    clock = time.perf_counter
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    for one in sockets:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chosen.register(one, selectors.EVENT_READ)
        sent_at[one.fileno()] = clock()
        one.sendall(requests[place % len(requests)])
        place += 1
    began, open_ = clock(), connections
    ends = began + seconds
    while open_ and clock() < ends + 10:
        for key, _ in chosen.select(1):
            one = key.fileobj
            try:
                answer = one.recv(65536)  # type: ignore[union-attr]
            except ConnectionError:
                answer = b""
            now = clock()
            if answer and not (answer := _whole(partly, key.fd, answer)):
                continue
            if answer:
                times.append(now - sent_at[key.fd])
                statuses[answer[9:12]] = statuses.get(answer[9:12], 0) + 1
            if not answer or now >= ends:
                chosen.unregister(one)
                open_ -= 1
            else:
                sent_at[key.fd] = now
                try:
                    one.sendall(requests[place % len(requests)])  # type: ignore[union-attr]
                except ConnectionError:
                    chosen.unregister(one)
                    open_ -= 1
                place += 1
    took = clock() - began
    for one in sockets:
        one.close()
    times.sort()
    return Ran(len(times) / took, times[int(len(times) * 0.99)] * 1e3 if times else 0.0, len(times), statuses)


def _whole(partly: dict[int, bytes], file: int, read: bytes) -> bytes:
    """The answer once all of it is there; b"" before."""
    answer = partly.pop(file, b"") + read
    head, end, body = answer.partition(_END)
    length = _LENGTH.search(head)
    if not end or len(body) < int(length[1] if length else 0):
        partly[file] = answer
        return b""
    return answer


def cpu_of(*roots: int) -> float:
    """Seconds of CPU of these processes and of all below them, those that ended among them."""
    below: dict[int, list[int]] = {}
    spent: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        number = int(stat.parent.name)
        below.setdefault(int(fields[1]), []).append(number)
        spent[number] = sum(map(int, fields[11:15])) / _TICK
    waiting, total = list(roots), 0.0
    while waiting:
        number = waiting.pop()
        total += spent.get(number, 0.0)
        waiting += below.get(number, [])
    return total
