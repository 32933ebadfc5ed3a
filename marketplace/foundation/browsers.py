"""What a request tells of the browser it came from; only ``traces.py`` keeps it, as hashes."""
import re
import secrets
from ipaddress import IPv4Address, ip_address, ip_network

from flask import current_app, request
from werkzeug.wrappers import Response

from marketplace.foundation.traces import KEPT_FOR, TraceKind

DEVICE_COOKIE = "device"
_DEVICE = re.compile(r"[A-Za-z0-9_-]{22}")
_AUTOMATED = re.compile(r"headless|phantomjs|selenium|puppeteer|playwright|python-requests|python-urllib|aiohttp|httpx|"
                        r"curl/|wget/|go-http-client|scrapy|java/|libwww", re.IGNORECASE)


def traces_of_request() -> dict[TraceKind, str]:
    """What this request tells. An address that is not of the open internet, like a proxy's own, tells nothing."""
    found: dict[TraceKind, str] = {}
    names_itself = request.headers.get("User-Agent", "")[:400]
    if _DEVICE.fullmatch(device := request.cookies.get(DEVICE_COOKIE, "")):
        found[TraceKind.DEVICE] = device
    if network := _neighbourhood(request.remote_addr or ""):
        found[TraceKind.NETWORK] = network
        if names_itself:
            found[TraceKind.BROWSER] = f"{network}\n{names_itself}"
            if _AUTOMATED.search(names_itself):
                found[TraceKind.AUTOMATED] = "yes"
    return found


def mark_device(response: Response) -> Response:
    """After somebody signed in: the browser is known again, for as long as its traces are kept."""
    if not _DEVICE.fullmatch(request.cookies.get(DEVICE_COOKIE, "")):
        response.set_cookie(
            DEVICE_COOKIE, secrets.token_urlsafe(16), max_age=KEPT_FOR, httponly=True, samesite="Lax",
            secure=current_app.config["SESSION_COOKIE_SECURE"])
    return response


def _neighbourhood(address: str) -> str | None:
    try:
        found = ip_address(address)
    except ValueError:
        return None
    if not isinstance(found, IPv4Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if not found.is_global:
        return None
    return str(ip_network((found, 24 if isinstance(found, IPv4Address) else 48), strict=False))
