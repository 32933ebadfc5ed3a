"""Connects to the public web only, to the address that was vetted, and hangs up on time.

AntiSSRF resolves a name once, vets every address and pins the connection to one of them (no second look-up that
could answer otherwise). Ports, the deadline and the rest of IPv6 are ours.
"""
import ipaddress
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Any, Self, TypeVar

import requests
from AntiSSRF import (  # type: ignore[import-untyped]  # it ships no py.typed
    AntiSSRFError,
    AntiSSRFPolicy,
    IPAddressRanges,
    PolicyConfigOptions,
)
from AntiSSRF._antissrf_agent import _AntiSSRFAdapter  # type: ignore[import-untyped]
from requests.adapters import HTTPAdapter

WEB_PORTS = {"http": 80, "https": 443}
# IPv6 is public only inside 2000::/3 (RFC 4291, 2.4). AntiSSRF's list lacks the rest, and inside ::/8 the two old
# forms that carry an IPv4 address.
_OUTSIDE_GLOBAL_UNICAST = [
    "::/96", "::ffff:0:0:0/96", "100::/8", "200::/7", "400::/6", "800::/5", "1000::/4", "4000::/2", "8000::/1",
]  # fmt: skip

T = TypeVar("T")


class RefusedAddress(Exception):
    """Not on the public web, or not on a web port."""


class DeadlinePassed(Exception):
    """The total time is over."""


class Deadline:
    """Hangs up when the time is over, wherever a fetch waits: a read timeout starts anew with each byte of a drip."""

    def __init__(self, seconds: float) -> None:
        self._ends = monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True
        self.passed = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def at_most(self, seconds: float) -> float:
        """``seconds``, or what is left. Raises DeadlinePassed."""
        left = self._ends - monotonic()
        if self.passed or left <= 0:
            raise DeadlinePassed
        return min(seconds, left)

    def watch(self, connected: socket.socket) -> None:
        self._sockets.append(connected)
        if self.passed:  # the timer may have gone off while this connection was made
            self._hang_up()

    def run(self, call: Callable[[], T]) -> T:
        """What ``call`` gives, if in time. For name look-ups: they cannot be interrupted, a late one is left behind."""
        outcome: Future[T] = Future()

        def work() -> None:
            try:
                outcome.set_result(call())
            except Exception as failure:  # noqa: BLE001  # the caller's thread raises it
                outcome.set_exception(failure)

        threading.Thread(target=work, daemon=True).start()
        try:
            return outcome.result(self.at_most(threading.TIMEOUT_MAX))
        except TimeoutError:
            raise DeadlinePassed from None

    def _hang_up(self) -> None:
        self.passed = True
        for connected in self._sockets:
            try:
                # the plain shutdown for TLS too: an SSLSocket's own would change state under the thread that reads
                socket.socket.shutdown(connected, socket.SHUT_RDWR)
            except OSError:
                continue  # closed already


class PublicWebAdapter(_AntiSSRFAdapter):  # type: ignore[misc]  # untyped base
    """A ``requests`` transport for one request. ``allow``: ``host:port`` pairs that may be loopback, on any port.

    Used without a Session: that would read proxy variables, keep cookies, and swallow a redirect's body whole.
    """

    def __init__(self, deadline: Deadline, allow: frozenset[str]) -> None:
        super().__init__(AntiSSRFPolicy(PolicyConfigOptions.NONE))
        self._deadline = deadline
        self._allow = allow

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Where to connect to. Raises RefusedAddress, AntiSSRFError, DeadlinePassed, or OSError from the look-up."""
        target, _ = HTTPAdapter.build_connection_pool_key_attributes(self, request, verify, cert)
        scheme, host, port = target["scheme"], target["host"], target["port"] or WEB_PORTS[target["scheme"]]
        shown = f"[{host}]" if ":" in host else host
        allowed = f"{shown}:{port}" in self._allow
        if not allowed and (port not in WEB_PORTS.values() or _is_ipv4_in_ipv6(host)):
            raise RefusedAddress
        self._policy = _policy(may_be_loopback=allowed)
        vet = super().build_connection_pool_key_attributes
        pinned: tuple[dict[str, Any], dict[str, Any]] = self._deadline.run(lambda: vet(request, verify, cert))
        # AntiSSRF leaves the port and the brackets out of this header
        request.headers["Host"] = shown if port == WEB_PORTS[scheme] else f"{shown}:{port}"
        return pinned

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _watched(pool.ConnectionCls, self._deadline)
        return pool


def _policy(*, may_be_loopback: bool) -> AntiSSRFPolicy:
    policy = AntiSSRFPolicy(PolicyConfigOptions.EXTERNAL_ONLY_LATEST)
    policy.add_denied_addresses(_OUTSIDE_GLOBAL_UNICAST)
    policy.allow_plain_text_http = True
    policy.add_xff_header = False  # it would send "X-Forwarded-For: true", which some sites refuse
    if may_be_loopback:
        policy.add_allowed_addresses(list(IPAddressRanges.loopback))
    return policy


def _is_ipv4_in_ipv6(host: str) -> bool:
    try:
        return ipaddress.IPv6Address(host).ipv4_mapped is not None
    except ValueError:
        return False


def _watched(connection_class: Any, deadline: Deadline) -> Any:
    class Watched(connection_class):  # type: ignore[misc]  # http and https have different classes
        def connect(self) -> None:
            super().connect()
            deadline.watch(self.sock)

    return Watched


__all__ = ["WEB_PORTS", "AntiSSRFError", "Deadline", "DeadlinePassed", "PublicWebAdapter", "RefusedAddress"]
