"""Makes a Windows Python under Wine refuse what Windows refuses by default, and Wine does not.

- Plain paths beyond MAX_PATH; `\\\\?\\` paths pass.
- Renaming a folder in which somebody has a file open.

Not imported by the tests: it is copied into the Python under Wine, and `install()` is called there. It replaces the
entries by which two libraries find functions (their import address tables): `kernelbase.dll` turns every plain path
into one of the kernel's by `RtlDosPathNameToNtPathName_U`, which must fail at 260 characters; and Python itself makes
folders by `CreateDirectoryW`, which must fail at 248, and renames by `MoveFileExW`. Everything is put back at exit.
"""

import atexit
import ctypes
import os
import sys
from collections.abc import Iterator
from ctypes import wintypes
from typing import Any

MAX_FOLDER, MAX_PATH = 248, 260
_NAME_TOO_LONG = -1073741562  # STATUS_NAME_TOO_LONG
_FILENAME_TOO_LONG = 206  # ERROR_FILENAME_EXCED_RANGE
_ACCESS_DENIED, _SHARING_VIOLATION = 5, 32
_READ, _OPEN_EXISTING = 0x80000000, 3
_RAW = ("\\\\?\\", "\\??\\", "\\\\.\\")
_PYTHON = f"python{sys.version_info.major}{sys.version_info.minor}.dll"
_READ_WRITE = 4
_IMPORTS = 24 + 112 + 8  # from the header of a 64-bit library to the address of its import table
_DESCRIPTOR = 20  # bytes of one entry there, for one library that is imported from

_changed: list[tuple[int, int]] = []  # address of an entry, what stood there
_alive: list[object] = []  # what the entries point to now


def install() -> None:
    kernel, native = ctypes.WinDLL("kernel32", use_last_error=True), ctypes.WinDLL("ntdll")  # type: ignore[attr-defined,unused-ignore]
    native.RtlGetFullPathName_U.argtypes = (wintypes.LPCWSTR, wintypes.ULONG, ctypes.c_void_p, ctypes.c_void_p)
    native.RtlGetFullPathName_U.restype = wintypes.ULONG

    def too_long(address: int | None, limit: int) -> bool:
        path = ctypes.wstring_at(address) if address else ""
        if not path or path.startswith(_RAW):
            return False
        buffer = ctypes.create_unicode_buffer(33000)
        return int(native.RtlGetFullPathName_U(path, ctypes.sizeof(buffer), buffer, None)) // 2 >= limit

    convert = ctypes.WINFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 4)  # type: ignore[attr-defined,unused-ignore]
    for name, refusal in (
        ("RtlDosPathNameToNtPathName_U", 0),
        ("RtlDosPathNameToNtPathName_U_WithStatus", _NAME_TOO_LONG),
    ):
        original = convert((name, native))

        def checked(path: int, one: int, two: int, three: int, call: Any = original, no: int = refusal) -> int:
            return no if too_long(path, MAX_PATH) else int(call(path, one, two, three))

        _replace_import(kernel, "kernelbase.dll", name, convert(checked))

    make = ctypes.WINFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    create = make(("CreateDirectoryW", kernel))

    def create_folder(path: int, security: int) -> int:
        if too_long(path, MAX_FOLDER):
            ctypes.set_last_error(_FILENAME_TOO_LONG)  # type: ignore[attr-defined,unused-ignore]
            return 0
        return int(create(path, security))

    _replace_import(kernel, _PYTHON, "CreateDirectoryW", make(create_folder))
    _refuse_moves(kernel)
    atexit.register(_put_back, kernel)


def _refuse_moves(kernel: Any) -> None:
    kernel.CreateFileW.restype = ctypes.c_void_p
    kernel.CreateFileW.argtypes = (wintypes.LPCWSTR, *[wintypes.DWORD] * 2, ctypes.c_void_p, *[wintypes.DWORD] * 3)
    kernel.CloseHandle.argtypes = (ctypes.c_void_p,)
    rename = ctypes.WINFUNCTYPE(  # type: ignore[attr-defined,unused-ignore]
        ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, wintypes.DWORD, use_last_error=True
    )
    original = rename(("MoveFileExW", kernel))

    def is_open(path: str) -> bool:
        handle = kernel.CreateFileW(path, _READ, 0, None, _OPEN_EXISTING, 0, 0)  # 0: shared with nobody
        if handle != ctypes.c_void_p(-1).value:
            kernel.CloseHandle(handle)
            return False
        return bool(ctypes.get_last_error() == _SHARING_VIOLATION)  # type: ignore[attr-defined,unused-ignore]

    def move(source: int, target: int, flags: int) -> int:
        folder = _RAW[0] + os.path.abspath(ctypes.wstring_at(source))
        if any(is_open(os.path.join(parent, name)) for parent, _, names in os.walk(folder) for name in names):
            ctypes.set_last_error(_ACCESS_DENIED)  # type: ignore[attr-defined,unused-ignore]
            return 0
        return int(original(source, target, flags))

    _replace_import(kernel, _PYTHON, "MoveFileExW", rename(move))


def _replace_import(kernel: Any, library: str, name: str, function: Any) -> None:
    _alive.append(function)
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address
    entries = list(_entries(kernel, library, name))
    _changed.extend((entry, _write(kernel, entry, address)) for entry in entries)


def _entries(kernel: Any, library: str, name: str) -> Iterator[int]:
    """The addresses of the entries for `name` in the import tables of a loaded library."""
    kernel.GetModuleHandleW.restype, kernel.GetModuleHandleW.argtypes = ctypes.c_void_p, (wintypes.LPCWSTR,)
    base = kernel.GetModuleHandleW(library)
    descriptor = base + _number(base + _number(base + 0x3C) + _IMPORTS)
    while _number(descriptor + 12):
        names = base + (_number(descriptor) or _number(descriptor + 16))
        entry = base + _number(descriptor + 16)
        while what := ctypes.c_uint64.from_address(names).value:
            by_number = what >> 63
            if not by_number and ctypes.string_at(base + what + 2).decode() == name:
                yield entry
            names, entry = names + 8, entry + 8
        descriptor += _DESCRIPTOR


def _number(address: int) -> int:
    return ctypes.c_uint32.from_address(address).value


def _write(kernel: Any, entry: int, value: int) -> int:
    """Put `value` into an entry; returns what stood there."""
    old = wintypes.DWORD()
    kernel.VirtualProtect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, wintypes.DWORD, ctypes.c_void_p)
    kernel.VirtualProtect(entry, 8, _READ_WRITE, ctypes.byref(old))
    before = ctypes.c_uint64.from_address(entry).value
    ctypes.c_uint64.from_address(entry).value = value
    kernel.VirtualProtect(entry, 8, old.value, ctypes.byref(old))
    return before


def _put_back(kernel: Any) -> None:
    """The interpreter ends before its libraries do: no entry may lead into it any more."""
    while _changed:
        _write(kernel, *_changed.pop())
