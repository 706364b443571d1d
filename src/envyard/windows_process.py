"""What Windows has for process groups and signals. On other systems nothing here does anything.

A job object ends a child and all that the child starts.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes  # only here: costs 10 ms that no other system needs
    from ctypes import wintypes

    class _Basic(ctypes.Structure):
        _fields_ = (
            ("PerProcessUserTimeLimit", wintypes.LARGE_INTEGER),
            ("PerJobUserTimeLimit", wintypes.LARGE_INTEGER),
            ("LimitFlags", wintypes.DWORD),
            ("MinimumWorkingSetSize", ctypes.c_size_t),
            ("MaximumWorkingSetSize", ctypes.c_size_t),
            ("ActiveProcessLimit", wintypes.DWORD),
            ("Affinity", ctypes.c_size_t),
            ("PriorityClass", wintypes.DWORD),
            ("SchedulingClass", wintypes.DWORD),
        )

    class _Extended(ctypes.Structure):
        _fields_ = (
            ("BasicLimitInformation", _Basic),
            ("IoInfo", ctypes.c_ulonglong * 6),
            ("ProcessMemoryLimit", ctypes.c_size_t),
            ("JobMemoryLimit", ctypes.c_size_t),
            ("PeakProcessMemoryUsed", ctypes.c_size_t),
            ("PeakJobMemoryUsed", ctypes.c_size_t),
        )

    _EXTENDED_LIMITS, _KILL_ON_CLOSE = 9, 0x2000
    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel.CreateJobObjectW.restype = wintypes.HANDLE
    _kernel.CreateJobObjectW.argtypes = (ctypes.c_void_p, wintypes.LPCWSTR)
    _kernel.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD)
    _kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
    _kernel.TerminateJobObject.argtypes = (wintypes.HANDLE, wintypes.UINT)
    _kernel.OpenProcess.restype = wintypes.HANDLE
    _kernel.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
    _kernel.WaitForSingleObject.argtypes = (wintypes.HANDLE, wintypes.DWORD)
    _kernel.WaitForSingleObject.restype = wintypes.DWORD
    _kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
    _SYNCHRONIZE, _TIMED_OUT = 0x00100000, 0x102


class KillGroup:
    """Owns a job object. A builder that is killed cannot hold it any longer, and Windows ends what is in it: no
    installer goes on writing after the lock of its builder is free.

    What a child started before `add` stays outside; a python or uv needs far longer to start anything.
    """

    def __init__(self) -> None:
        self._job: int | None = None

    def add(self, process_handle: int) -> None:
        """Put a process just started, and whatever it will start, into the group. Does nothing where that fails."""
        if sys.platform == "win32":
            job = _kernel.CreateJobObjectW(None, None)
            limits = _Extended()
            limits.BasicLimitInformation.LimitFlags = _KILL_ON_CLOSE
            if job and not (
                _kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))
                and _kernel.AssignProcessToJobObject(job, process_handle)
            ):
                _kernel.CloseHandle(job)
                job = None
            self._job = job

    def kill(self) -> None:
        if sys.platform == "win32" and self._job is not None:
            _kernel.TerminateJobObject(self._job, 1)

    def close(self) -> None:
        """Let go; what still runs in the group ends."""
        if sys.platform == "win32" and self._job is not None:
            _kernel.CloseHandle(self._job)
            self._job = None


def windows_process_alive(pid: int) -> bool:
    """Whether a process with this id runs on this Windows."""
    if sys.platform == "win32":
        handle = _kernel.OpenProcess(_SYNCHRONIZE, False, pid)
        if handle:
            try:
                return bool(_kernel.WaitForSingleObject(handle, 0) == _TIMED_OUT)
            finally:
                _kernel.CloseHandle(handle)
    return False
