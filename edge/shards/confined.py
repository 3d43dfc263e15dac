"""Begin a process of cameras that can read only the files it needs: `python -m edge.shards.confined FD PORTS PATH...`.

Whoever takes such a process over finds neither the edge's keys and lists on disk nor, by a debugger's means, in the
memory of the edge. Linux's Landlock (landlock(7)), every right that the kernel's version of it knows; done before
anything is imported that begins threads, because it holds for the thread that asks and those it begins.
"""

from __future__ import annotations

import ctypes
import os
import sys

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_WHICH_VERSION = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9
_BENEATH_RULE, _PORT_RULE = 1, 2

_FILE_RIGHTS = {1: 0x1FFF, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""Since which version: execute, write, read, list, remove and make of every kind; link elsewhere; truncate by name;
control devices."""
_READ_FILE = 1 << 0 | 1 << 2
"""Execute and read."""
_READ_FOLDER = _READ_FILE | 1 << 3
_USE_DEVICE = 1 << 1 | 1 << 15
"""Write and control."""
_DEVICES = ("/dev/null", "/dev/dri", "/dev/nvidia")
"""What may be used: what throws away, and video decoders."""

_NET_VERSION, SCOPE_VERSION = 4, 6
_BIND, _CONNECT = 1 << 0, 1 << 1
"""TCP only: names are asked for by UDP."""
_SCOPED = 1 << 0 | 1 << 1
"""Neither abstract sockets nor signals reach outside."""


class _Ruleset(ctypes.Structure):
    """A kernel that knows less of it takes it all the same while the rest is zero."""

    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _Port(ctypes.Structure):
    _fields_ = (("allowed_access", ctypes.c_uint64), ("port", ctypes.c_uint64))


def landlock_version() -> int:
    """Of this kernel; 0 where it has none. 3 (Linux 6.2), 4 (6.7), 5 (6.10) and 6 (6.12) each refuse more."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(_CREATE, None, ctypes.c_size_t(0), _WHICH_VERSION)))


def confine(paths: list[str], ports: list[int]) -> int:
    """Let this process read ``paths`` and what is beneath them, write nothing, open TCP connections to ``ports`` only,
    and neither debug nor signal anybody outside: as far as the version of Landlock goes, which is returned.

    0 where the system knows no Landlock: then nothing has changed. Raises OSError when it fails otherwise.
    """
    version = landlock_version()
    if version == 0:
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    handled = sum(rights for since, rights in _FILE_RIGHTS.items() if since <= version)
    ruleset = _Ruleset(
        handled,
        _BIND | _CONNECT if version >= _NET_VERSION else 0,
        _SCOPED if version >= SCOPE_VERSION else 0,
    )
    rules = libc.syscall(_CREATE, ctypes.byref(ruleset), ctypes.c_size_t(ctypes.sizeof(ruleset)), 0)
    if rules < 0:
        raise OSError(ctypes.get_errno(), "a process of cameras can't be confined")
    try:
        for path in paths:
            _allow(libc, rules, path, handled)
        if version >= _NET_VERSION:
            for port in ports:
                _add(libc, rules, _PORT_RULE, _Port(_CONNECT, port))
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(_RESTRICT, rules, 0):
            raise OSError(ctypes.get_errno(), "a process of cameras can't be confined")
    finally:
        os.close(rules)
    return version


def _allow(libc: ctypes.CDLL, rules: int, path: str, handled: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rights = _READ_FOLDER if os.path.isdir(path) else _READ_FILE  # noqa: PTH112 - pathlib is loaded later
        if path.startswith(_DEVICES):
            rights |= _USE_DEVICE & handled
        _add(libc, rules, _BENEATH_RULE, _Beneath(rights, descriptor))
    finally:
        os.close(descriptor)


def _add(libc: ctypes.CDLL, rules: int, kind: int, rule: _Beneath | _Port) -> None:
    if libc.syscall(_ADD, rules, kind, ctypes.byref(rule), 0):
        raise OSError(ctypes.get_errno(), "a process of cameras can't be confined")


def die_with_the_edge() -> None:
    """Also where nobody comes to read from the socket that the edge is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)


if __name__ == "__main__":
    known = 0
    if sys.platform == "linux":
        die_with_the_edge()
        known = confine(sys.argv[3:], [int(port) for port in sys.argv[2].split(",") if port])
    from edge.shards.child import main

    main(int(sys.argv[1]), landlock=known)
