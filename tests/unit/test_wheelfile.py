"""What is in a wheel, told without downloading it: from a real index, whole files and parts of them."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from kit.index import LocalIndex
from kit.wheels import make_sdist, make_wheel

from envyard.errors import InstallFailed
from envyard.wheelfile import WheelFile, installed_names, located, read_members


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalIndex]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with LocalIndex(tmp_path / "index") as running:
        yield running


def at(place: str) -> WheelFile:
    return WheelFile(package="demo", version="1.0", place=place)


def test_members_of_a_remote_wheel_are_read_from_its_end(index: LocalIndex) -> None:
    wheel = index.add("demo", "1.0", files={"demo/weights.bin": random.Random(1).randbytes(200_000)})
    assert wheel.stat().st_size > 150_000
    (found,) = read_members([at(index.file_url(wheel.name))])
    assert (found.unknown, set(found.names)) == ("", set(zipfile.ZipFile(wheel).namelist()))
    (asked,) = [request for request in index.requests if request.name == wheel.name]
    assert asked.ranged


def test_list_of_members_that_is_longer_than_the_first_part_is_read_whole(index: LocalIndex) -> None:
    wheel = index.add("demo", "1.0", files={f"demo/{'long' * 20}{number:04}.py": "" for number in range(2000)})
    (found,) = read_members([at(f"{index.file_url(wheel.name)}#sha256=0")])
    assert set(found.names) == set(zipfile.ZipFile(wheel).namelist())


def test_many_wheels_come_in_their_order(index: LocalIndex) -> None:
    wheels = [index.add(f"demo-{number}", "1.0") for number in range(30)]
    found = read_members([at(index.file_url(wheel.name)) for wheel in wheels])
    assert [any(f"demo_{number}/" in name for name in one.names) for number, one in enumerate(found)] == [True] * 30


def test_wheel_on_disk_is_opened(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "demo", "1.0")
    (found,) = read_members([at(str(wheel))])
    assert "demo/__init__.py" in found.names


class _Whole(BaseHTTPRequestHandler):
    """A server that knows no ranges."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"whole")

    def log_message(self, *_arguments: object) -> None:
        pass


def test_server_that_gives_no_parts_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = HTTPServer(("127.0.0.1", 0), _Whole)
    thread = Thread(target=server.handle_request, daemon=True)
    thread.start()
    (found,) = read_members([at(f"http://127.0.0.1:{server.server_port}/demo-1.0-py3-none-any.whl")])
    thread.join()
    server.server_close()
    assert found.unknown == "its server gives no part of a file"


def test_what_cannot_be_read_says_why_and_stops_nothing(index: LocalIndex, tmp_path: Path) -> None:
    good, cut = index.add("demo", "1.0"), index.add("cut", "1.0")
    index.on(cut.name).cut_after(10)
    (tmp_path / "no.whl").write_bytes(b"no archive")
    places = [
        index.file_url(good.name),
        index.file_url(cut.name),
        index.file_url("nowhere-1.0-py3-none-any.whl"),
        str(tmp_path / "no.whl"),
        str(tmp_path / "gone.whl"),
        str(make_sdist(tmp_path, "source", "1.0")),
        "ftp://127.0.0.1/demo.whl",
    ]
    found = read_members([at(place) for place in places])
    assert not found[0].unknown
    assert all(one.unknown and not one.names for one in found[1:]), found
    assert found[5].unknown == "it is built from source"


def test_members_end_where_the_wheel_says() -> None:
    names = ("demo/a.py", "demo/", "demo-1.data/scripts/go", "demo-1.data/data/share/x", "demo-1.data/platlib/b.so")
    ends = list(installed_names(at("x.whl"), (*names, "demo-1.data/headers/h.h"), "Lib/site-packages"))
    assert ends == [
        "Lib/site-packages/demo/a.py",
        "Scripts/go",
        "share/x",
        "Lib/site-packages/b.so",
        "Include/site/demo/h.h",
    ]
    assert list(installed_names(at("x.whl"), names[2:3], "lib/python3.11/site-packages")) == ["bin/go"]


LIST = """\
lock-version = "1.0"
[[packages]]
name = "a"
version = "1.0"
sdist = { url = "https://host/a-1.0.tar.gz" }
wheels = [{ url = "https://host/a-1.0-py3-none-any.whl" }]
[[packages]]
name = "b"
version = "2.0"
archive = { path = "../b.whl" }
[[packages]]
name = "c"
wheels = [{ url = "file:///wheels/with%20space/c.whl" }]
[[packages]]
name = "mine"
directory = { path = "." }
[[packages]]
name = "d"
version = "4.0"
sdist = { path = "/d-4.0.tar.gz" }
"""


def test_files_of_a_list_are_located() -> None:
    assert [(one.package, one.place) for one in located(LIST, Path("/w"))] == [
        ("a", "https://host/a-1.0-py3-none-any.whl"),
        ("b", "/w/../b.whl"),
        ("c", "/wheels/with space/c.whl"),
        ("d", "/d-4.0.tar.gz"),
    ]


@pytest.mark.parametrize("text", ["", "packages = 3", '[[packages]]\nname="a"\nwheels=[{}]', "no = toml ="])
def test_list_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InstallFailed, match="not understood"):
        located(text, Path("/w"))
