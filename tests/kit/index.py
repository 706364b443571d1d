"""A real package index on this machine, with faults on demand."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from kit.faults import Plan, Rule, alter
from kit.pages import JSON, Distribution, Document, load_distribution, project_page, root_page
from kit.wheels import make_wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `name` is the last part of `path`, `ranged` means that a part was asked for."""

    method: str
    path: str
    name: str
    ranged: bool


class LocalIndex:
    """Serves the wheels of `folders` while the `with` block runs; a file added to one is offered at once.

        with LocalIndex(folder) as index:
            index.add("demo", "1.0")
            hold = index.on("demo-1.0*.whl").hold(after=100)
            ...
            assert index.fetches("demo-1.0-py3-none-any.whl") == 1

    New wheels go into the first folder, so a test can add to a shared folder without changing it.
    """

    def __init__(self, *folders: Path) -> None:
        self.folder = folders[0]
        self.folders = folders
        self.port = 0
        self.requests: list[Request] = []
        self.errors: list[str] = []
        self.closing = threading.Event()
        self._rules: dict[str, Rule] = {}
        self._guard = threading.Lock()
        self._server: _Server | None = None
        self.folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self.clear()
        self.down()
        if kind is None:
            assert not self.errors, f"the index itself failed: {self.errors}"

    @property
    def url(self) -> str:
        """The simple index, for `--index-url`."""
        return f"http://127.0.0.1:{self.port}/simple/"

    def file_url(self, name: str) -> str:
        """The address of one file."""
        return f"http://127.0.0.1:{self.port}/files/{name}"

    def environment(self, *, retries: int = 0) -> dict[str, str]:
        """Variables that make uv and pip use this index and nothing else of this machine's configuration."""
        return {
            "UV_DEFAULT_INDEX": self.url,
            "UV_NO_CONFIG": "1",
            "UV_HTTP_RETRIES": str(retries),
            "UV_PYTHON_DOWNLOADS": "never",
            "PIP_INDEX_URL": self.url,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_RETRIES": str(retries),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    # --- what it offers

    def add(self, name: str, version: str, **options: Any) -> Path:
        """Make a wheel (see `make_wheel`) and offer it."""
        return make_wheel(self.folder, name, version, **options)

    def distributions(self, name: str = "") -> list[Distribution]:
        """Everything offered, or everything of one project, oldest version first."""
        wanted = canonicalize_name(name)
        found: dict[str, Distribution] = {}
        for folder in reversed(self.folders):
            for path in folder.iterdir():
                if path.name.endswith((".whl", ".tar.gz")):
                    found[path.name] = load_distribution(path, path.stat().st_mtime_ns, path.stat().st_size)
        chosen = [one for one in found.values() if not wanted or one.name == wanted]
        return sorted(chosen, key=lambda one: (one.name, one.version, one.path.name))

    # --- what was asked

    def fetches(self, name: str) -> int:
        """How often the body of the file `name` was asked for."""
        return self.counts()[name]

    def counts(self) -> Counter[str]:
        """How often the body of each wheel and source distribution was asked for."""
        with self._guard:
            return Counter(
                request.name
                for request in self.requests
                if request.method == "GET" and request.name.endswith((".whl", ".tar.gz"))
            )

    def forget(self) -> None:
        """Start counting anew."""
        with self._guard:
            self.requests.clear()

    # --- what goes wrong

    def on(self, pattern: str) -> Rule:
        """The faults of what matches `pattern`: `demo-1.0*.whl`, `*.metadata`, or for a page `demo`."""
        with self._guard:
            return self._rules.setdefault(pattern, Rule(pattern))

    def clear(self) -> None:
        """Take back every fault; whoever is held goes on."""
        with self._guard:
            rules = list(self._rules.values())
            self._rules.clear()
        for rule in rules:
            rule.clear()

    def down(self) -> None:
        """Stop listening and drop every connection: clients are refused."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def up(self) -> None:
        """Listen, on the same port as before."""
        if self._server is None:
            self._server = _Server(self, self.port)
            self.port = self._server.server_port
            self._server.start()

    # --- for the request handler

    def receive(self, request: Request) -> Plan:
        """Note the request and say how to answer it: the newest matching rule decides."""
        with self._guard:
            self.requests.append(request)
            rules = [rule for rule in self._rules.values() if rule.matches(request.name)]
        return rules[-1].take() if rules else Plan()

    def find(self, path: str, *, as_json: bool) -> Document | None:
        """The page or file at `path`."""
        match path.strip("/").split("/"):
            case ["simple"]:
                return root_page(sorted({one.name for one in self.distributions()}), as_json)
            case ["simple", name]:
                offered = self.distributions(name)
                return project_page(canonicalize_name(name), offered, as_json) if offered else None
            case ["files", name]:
                wanted = name.removesuffix(".metadata")
                for one in self.distributions():
                    if one.path.name == wanted:
                        body = one.path.read_bytes() if wanted == name else one.metadata
                        return Document(body=body, kind="application/octet-stream", lasting=True)
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, index: LocalIndex, port: int) -> None:
        self.index = index
        self.stopping = False
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def start(self) -> None:
        threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.01}, name="local-index", daemon=True
        ).start()

    def stop(self) -> None:
        self.stopping = True
        self.shutdown()
        self.server_close()
        with self._guard:
            for connection in self._connections:
                _hang_up(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        error = sys.exc_info()[1]
        # A killed installer is what many tests are about; its broken connection is no failure of the index.
        if not isinstance(error, ConnectionError) and not self.stopping:
            self.index.errors.append(repr(error))


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Without these every small answer waits 40 ms for the acknowledgement of its own headers.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Silence; `LocalIndex.requests` is the log."""

    def _answer(self, *, with_body: bool) -> None:
        index = self.server.index
        path = unquote(urlsplit(self.path).path)
        plan = index.receive(
            Request(
                method=self.command,
                path=path,
                name=path.rstrip("/").rsplit("/", 1)[-1],
                ranged="Range" in self.headers,
            )
        )
        if plan.hold is not None and plan.hold.after == 0:
            plan.hold.block(index.closing)
        if plan.refuse or self.server.stopping:
            return self._drop()
        if plan.status:
            return self._send(plan.status, f"{plan.status} on demand\n".encode(), {}, with_body, Plan())
        document = index.find(path, as_json=JSON in self.headers.get("Accept", ""))
        if document is None:
            return self._send(404, b"not here\n", {}, with_body, Plan())
        headers = {
            "Content-Type": document.kind,
            "ETag": document.etag,
            "Accept-Ranges": "bytes",
            "Cache-Control": "public, max-age=86400, immutable" if document.lasting else "no-cache",
            "Vary": "Accept",
        }
        if document.etag in self.headers.get("If-None-Match", ""):
            return self._send(304, b"", headers, with_body, plan)
        body = alter(document.body) if plan.altered else document.body
        part = _part(self.headers.get("Range", ""), len(body))
        if part is None:
            return self._send(200, body, headers, with_body, plan)
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(body)}"
        if not part:
            return self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"}, with_body, plan)
        return self._send(206, body[part.start : part.stop], headers, with_body, plan)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], with_body: bool, plan: Plan) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body and body:
            self._send_body(body, plan)

    def _send_body(self, body: bytes, plan: Plan) -> None:
        end = len(body) if plan.cut_after is None else min(plan.cut_after, len(body))
        stop_at = plan.hold.after if plan.hold is not None else 0
        if stop_at:
            self._send_slowly(body[: min(stop_at, end)], plan)
            assert plan.hold is not None
            plan.hold.block(self.server.index.closing)
        self._send_slowly(body[stop_at:end], plan)
        if end < len(body):
            self._drop()

    def _send_slowly(self, body: bytes, plan: Plan) -> None:
        step = max(plan.bytes_per_second // 20, 1) if plan.bytes_per_second else max(len(body), 1)
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            self.wfile.flush()
            if plan.bytes_per_second and self.server.index.closing.wait(0.05):
                return

    def _drop(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        _hang_up(self.connection)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side may have been faster
        connection.shutdown(socket.SHUT_RDWR)


def _part(header: str, size: int) -> range | None:
    """The bytes that a `Range` header asks for; None for the whole."""
    unit, _, wanted = header.partition("=")
    first, dash, last = wanted.partition("-")
    if unit != "bytes" or not dash or "," in wanted:
        return None
    if not first:
        return range(max(size - int(last), 0), size)
    return range(int(first), min(int(last) + 1, size) if last else size)
