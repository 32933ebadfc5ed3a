"""``python -m marketplace.payments.sandbox``: the sandbox as a process of its own."""
import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from marketplace.payments.sandbox.application import create_sandbox
from marketplace.payments.sandbox.serving import make_sandbox_server


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description="A Stripe of our own: no real money moves.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--data", default=":memory:", help="SQLite file that keeps its state (default: in memory)")
    parser.add_argument("--webhook", action="append", default=[], metavar="URL=SECRET",
                        help="where to deliver events, and the secret that signs them (may be repeated)")
    parser.add_argument("--clock-file", type=Path, help="file of whole seconds to add to the time")
    parser.add_argument("--secret-key", help="the only API key let in (default: any sk_test_...)")
    parser.add_argument("--public-url", default="", help="where browsers reach it, if not by its own address")
    return parser.parse_args(arguments)


def main() -> None:
    given = read_arguments(sys.argv[1:])
    sandbox = create_sandbox(
        given.data, webhooks=[tuple(one.rsplit("=", 1)) for one in given.webhook], secret_key=given.secret_key,
        clock_file=given.clock_file, public_url=given.public_url.rstrip("/"))
    server = make_sandbox_server(sandbox, given.host, given.port)
    signal.signal(signal.SIGTERM, _leave)
    print(f"Stripe sandbox (no real money) on http://{given.host}:{server.port}", flush=True)  # noqa: T201
    try:
        server.serve_forever()
    finally:
        server.server_close()
        sandbox.close()


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
