"""Audits the environment whose python runs this file, and prints what it found as one JSON object.

Standard library only, no import from envyard, and old syntax: it runs inside environments of any supported Python, as
`<environment>/bin/python -I -B audit.py <environment> <site-packages> [--deep] [--inodes FILE]`. That it runs at all
proves that the interpreter starts.

The rule of a complete environment (PyPA, "Recording installed projects"): every file of every RECORD exists and has the
recorded size; with `--deep` also the recorded sha256. Byte code (`*.pyc`) may be missing, Python makes it again.

On Windows files are opened by their extended paths (see `longpath.py`): a plain one of 260 characters is refused, and a
file that was installed beyond that would count as missing.
"""

from __future__ import annotations

import array
import base64
import csv
import errno
import hashlib
import json
import os
import sys

PROBLEMS_AT_MOST = 50


def main(arguments: list[str]) -> None:
    root, site_packages = arguments[0], arguments[1].replace(os.sep, "/")
    deep = "--deep" in arguments
    problems: list[list[str]] = []
    packages: dict[str, str] = {}
    distributions: list[str] = []
    sizes, inodes = _measure(root)
    for name in sorted(os.listdir(_openable(site_packages))):
        if not name.endswith(".dist-info"):
            continue
        distributions.append(name)
        package, version = _package_of(name)
        packages[package] = version
        _audit_distribution(site_packages, name, sizes, problems, deep)
    unwritten = 0
    if "--inodes" in arguments:
        try:
            with open(arguments[arguments.index("--inodes") + 1], "wb") as file:
                inodes.tofile(file)
        except OSError as error:
            unwritten = error.errno or errno.EIO
    json.dump(
        {
            "version": "%d.%d.%d" % sys.version_info[:3],
            "prefix": sys.prefix,
            "packages": packages,
            "distributions": distributions,
            "problems": problems[:PROBLEMS_AT_MOST],
            "problem_count": len(problems),
            "damaged": sorted({_package_of(problem[0])[0] for problem in problems}),
            "files": len(sizes),
            "apparent_bytes": sum(sizes.values()),
            "unwritten": unwritten,  # the error number of a table of inodes that could not be written
        },
        sys.stdout,
    )


def _package_of(distribution: str) -> tuple[str, str]:
    """Normalised name and version in the name of a `*.dist-info` folder."""
    name, _, version = distribution[: -len(".dist-info")].rpartition("-")
    return name.replace("_", "-").replace(".", "-").lower(), version


def _audit_distribution(
    site_packages: str, distribution: str, sizes: dict[str, int], problems: list[list[str]], deep: bool
) -> None:
    record = site_packages + "/" + distribution + "/RECORD"
    try:
        with open(_openable(record), encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        problems.append([distribution, "RECORD", "cannot be read: %s" % error])
        return
    if not rows:
        problems.append([distribution, "RECORD", "is empty"])
    listed = set()
    for row in rows:
        if len(row) != 3 or not (row[2] == "" or row[2].isdigit()):
            problems.append([distribution, "RECORD", "is damaged"])
            return
        name, digest, size = row
        listed.add(name)
        path = site_packages + "/" + name
        actual = sizes.get(path)
        if actual is None:  # `../../bin/x`, behind a link, or missing
            actual = _size(path)
        if actual is None:
            if not name.endswith(".pyc"):
                problems.append([distribution, name, "is missing"])
        elif size and int(size) != actual:
            problems.append([distribution, name, "has %d bytes instead of %s" % (actual, size)])
        elif deep and digest.startswith("sha256=") and digest != _sha256(path):
            problems.append([distribution, name, "has other content than was installed"])
    # every installer lists RECORD itself; what was cut off at the end of a line cannot be seen in another way
    if rows and distribution + "/RECORD" not in listed:
        problems.append([distribution, "RECORD", "is cut short"])


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    try:
        with open(_openable(path), "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    except OSError:
        return "unreadable"
    return "sha256=" + base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")


def _size(path: str) -> int | None:
    try:
        return os.stat(_openable(os.path.normpath(path))).st_size
    except OSError:
        return None


def _openable(path: str) -> str:
    """An absolute `path` as the system opens it, however long it is."""
    if os.name != "nt":
        return path
    path = os.path.normpath(path)
    return "\\\\?\\UNC" + path[1:] if path.startswith("\\\\") else "\\\\?\\" + path


def _measure(root: str) -> tuple[dict[str, int], array.array[int]]:
    """The size in bytes of every file by path, and (inode, size) pairs of all of them."""
    sizes = {}
    inodes = array.array("Q")
    folders = [_openable(root)]
    added = len(folders[0]) - len(root)  # 0 but on Windows
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif not entry.is_symlink():
                    status = entry.stat(follow_symlinks=False)
                    path = entry.path if not added else root + entry.path[len(root) + added :]
                    sizes[path.replace(os.sep, "/")] = status.st_size
                    inodes.extend((entry.inode(), status.st_size))
    return sizes, inodes


main(sys.argv[1:])
