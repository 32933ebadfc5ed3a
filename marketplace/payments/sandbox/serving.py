"""Werkzeug's threaded server, quiet and without the 40 ms that Nagle's algorithm adds to each answer."""
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class QuietHandler(WSGIRequestHandler):
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def connection_dropped(self, error: BaseException, environ: object = None) -> None:
        self.close_connection = True


def make_sandbox_server(app: "WSGIApplication", host: str = "127.0.0.1", port: int = 0) -> BaseWSGIServer:
    """A server that is not yet serving; port 0 takes a free one (see ``server.port``)."""
    return make_server(host, port, app, threaded=True, request_handler=QuietHandler)
