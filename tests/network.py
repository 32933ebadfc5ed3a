"""No test reaches past loopback: a connection elsewhere is an error, and names of elsewhere do not resolve."""
import contextlib
import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import dns.resolver

LOCAL_NAMES = {"", "localhost", "ip6-localhost", None}


class ReachedOut(RuntimeError):
    """A test tried to talk to another machine."""


def is_local(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if host in LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(str(host).split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@contextlib.contextmanager
def only_loopback() -> Iterator[None]:
    patch = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
    resolve, resolver = socket.getaddrinfo, dns.resolver.default_resolver

    def guarded(name: str) -> Any:
        def call(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[-1]
            if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
                raise ReachedOut(f"a test tried to reach {address[0]}")
            return patch[name](self, *arguments)
        return call

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        numeric = is_local(host) or _is_number(host)
        if not numeric:
            raise socket.gaierror(socket.EAI_NONAME, f"no test looks up {host!r}")
        return resolve(host, *arguments, **options)

    for name in patch:
        setattr(socket.socket, name, guarded(name))
    socket.getaddrinfo = look_up
    dns.resolver.default_resolver = dns.resolver.Resolver(configure=False)  # It knows no server: nobody waits for one.
    try:
        yield
    finally:
        socket.getaddrinfo, dns.resolver.default_resolver = resolve, resolver
        for name in patch:
            delattr(socket.socket, name)


def _is_number(host: Any) -> bool:
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host).split("%")[0])
    except ValueError:
        return False
    return True
