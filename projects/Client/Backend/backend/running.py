"""A running service inside a program: for tests, and for tools that bring their own service."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

PATIENCE = 10  # seconds for open requests when the service stops


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serve `app` with uvicorn on a free port of this machine and yield its address; stop it at the end."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # Listening before uvicorn has started: an early client waits in the queue, and nobody has to poll.
        listener.listen()
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=PATIENCE)
        server = uvicorn.Server(config)
        # A daemon: a service that does not stop is an error here, and not a program that never ends.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            host, port = listener.getsockname()
            yield f"http://{host}:{port}"
        finally:
            server.should_exit = True
            thread.join(2 * PATIENCE)
    if thread.is_alive():
        raise TimeoutError(f"the service did not stop within {2 * PATIENCE} s")
