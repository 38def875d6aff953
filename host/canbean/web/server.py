"""The HTTP server of the page: its files, what there is as JSON, server-sent events, answers to the wizard.

Anybody who can reach it may look. Answers change files: on the network they need the token of the address that was
printed. A `Host` that is neither an address nor this machine's name is refused, so that a foreign page cannot reach
this one through a name that it points here (DNS rebinding); nor can it answer, since browsers name its origin.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import queue
import socket
import sys
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from canbean.errors import BoardError
from canbean.report.style import COLOURS

if TYPE_CHECKING:
    from canbean.web.live import Live
    from canbean.web.wizard import Wizard

PAGE = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/chart.js": ("chart.js", "text/javascript"),
    "/pairing.js": ("pairing.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
BODY_MOST = 4096
PAGES_MOST = 32
KEEP_S = 10.0
"""A page hears something at least so often, so that both sides notice when the other is gone."""
TOKEN = "X-Canbean-Token"  # noqa: S105 - the name of a header
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Server(ThreadingHTTPServer):
    """Serves one meter; `serve_forever` until `shutdown`."""

    daemon_threads = True
    # on Windows a second server could take the same port by it
    allow_reuse_address = sys.platform != "win32"

    def __init__(
        self,
        address: tuple[str, int],
        live: Live,
        *,
        about: dict[str, Any],
        wizard: Wizard | None = None,
        token: str | None = None,
    ) -> None:
        """Take the port.

        Args:
            address: host to bind to, and port; 0 takes a free one.
            live: the meter.
            about: what the page says of it: `title`, `simulated`.
            wizard: the pairing session, None where there is none.
            token: that answers need; None where only this machine can reach the server.

        Raises:
            BoardError: the port is taken, or the host is none of this machine.
        """
        self.live = live
        self.about = about
        self.wizard = wizard
        self.token = token
        self.names = {"localhost", *own_names()}
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            raise BoardError(
                f"http://{address[0]}:{address[1]}: cannot be served: {error.strerror or error}: give another --http port"
            ) from None

    def server_bind(self) -> None:
        """Without the look-up of a name, which can take half a minute on a network without names."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    @property
    def port(self) -> int:
        """Of the server."""
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves in the middle is no error."""

    def state(self) -> dict[str, Any]:
        """All that a page which opens has to know."""
        state = self.live.state
        return {
            **self.about,
            "state": {"there": state.there, "words": state.words},
            "readings": self.live.seen(),
            "pairing": None if self.wizard is None else self.wizard.state(),
            "guarded": self.token is not None,
        }

    def known(self, host: str | None) -> bool:
        """Whether a `Host` header names this machine and not a name that somebody points here."""
        try:
            name = urlsplit(f"//{host}").hostname if host else None
        except ValueError:
            return False
        if name is None:
            return False
        with suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return name.rstrip(".") in self.names


def own_names() -> set[str]:
    """What this machine is called on its network."""
    name = socket.gethostname().lower().split(".")[0]
    return {name, f"{name}.local"} if name else set()


def own_address() -> str:
    """The address under which others on the network reach this machine; nothing is sent to find it.

    Raises:
        BoardError: it is on no network.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            # an address kept for documentation (RFC 5737): routed like any other
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
    except OSError as error:
        raise BoardError(f"--lan: this machine is on no network: {error.strerror or error}") from None


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "canbean"
    sys_version = ""
    timeout = 30

    def log_message(self, *_: Any) -> None:
        """Nothing is printed here."""

    def do_GET(self) -> None:
        if not self._welcome():
            return
        path = self.path.partition("?")[0]
        if path in PAGE:
            name, kind = PAGE[path]
            self._send(files("canbean.web").joinpath("page", name).read_bytes(), kind)
        elif path == "/colours.css":
            self._send(COLOURS.encode(), "text/css")
        elif path == "/api/state":
            self._json({**self.server.state(), "may": self._may()})
        elif path == "/api/events":
            self._events()
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "no such page")

    def do_POST(self) -> None:
        if not self._welcome():
            return
        body = self._body()
        if body is None:
            return
        if self.path != "/api/answer" or self.server.wizard is None:
            self._refuse(HTTPStatus.NOT_FOUND, "nothing is paired here: start with --pairs FILE")
            return
        if not self._may():
            self._refuse(HTTPStatus.FORBIDDEN, "open the address with its token, as canbean printed it")
            return
        turn, answer = body.get("turn"), body.get("answer")
        if type(turn) is not int or not isinstance(answer, str):
            self._refuse(HTTPStatus.BAD_REQUEST, "turn is a number and answer a text")
            return
        said = self.server.wizard.answer(turn, answer)
        if said["error"] is None:
            self.server.live.publish("pairing", {"said": said["said"], "pairing": said["pairing"]})
        self._json(said)

    def _welcome(self) -> bool:
        """Whether the request is for this machine, and not from a page of another."""
        host = self.headers.get("Host")
        origin = self.headers.get("Origin")
        if not self.server.known(host):
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this is not the machine that you asked for")
            return False
        if origin is not None and origin.lower() not in {f"http://{host}".lower(), f"https://{host}".lower()}:
            self._refuse(HTTPStatus.FORBIDDEN, "another page cannot ask here")
            return False
        return True

    def _may(self) -> bool:
        token = self.server.token
        given = self.headers.get(TOKEN) or ""
        return token is None or hmac.compare_digest(token.encode(), given.encode("utf-8", "replace"))

    def _body(self) -> dict[str, Any] | None:
        """The JSON object of a request; None when it was refused."""
        length = self.headers.get("Content-Length") or ""
        if self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send JSON")
            return None
        if not length.isdecimal() or len(length) > 9 or int(length) > BODY_MOST:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "that is too long")
            return None
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            self._refuse(HTTPStatus.BAD_REQUEST, "that is no JSON object")
            return None
        return body

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        # what else was sent is not read
        self.close_connection = True
        self._json({"error": why}, status)

    def _json(self, said: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(said).encode(), "application/json", status)

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._head(status, kind)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def _head(self, status: HTTPStatus, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        for name, value in HEADERS.items():
            self.send_header(name, value)

    def _events(self) -> None:
        """Server-sent events until the page leaves."""
        live = self.server.live
        if live.pages >= PAGES_MOST:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open")
            return
        self.close_connection = True
        page = live.open_page()
        try:
            self._head(HTTPStatus.OK, "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            # what happened between the page's first look and now is not missed
            self._event("all", self.server.state())
            while True:
                try:
                    event = page.get(timeout=KEEP_S)
                except queue.Empty:
                    self.wfile.write(b": still here\n\n")
                    continue
                if event is None:
                    return
                self._event(*event)
        except OSError:
            # the page is gone
            return
        finally:
            live.close_page(page)

    def _event(self, name: str, data: Any) -> None:
        self.wfile.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
        self.wfile.flush()
