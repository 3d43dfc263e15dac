"""Begin a process of cameras that can read only the files it needs: `python -m edge.shards.confined FD PATH...`.

Whoever takes such a process over finds neither the edge's keys and lists on disk nor, by a debugger's means, in the
memory of the edge. Linux's Landlock (landlock(7)); done before anything is imported that begins threads, because it
holds for the thread that asks and those it begins.
"""

from __future__ import annotations

import ctypes
import os
import sys

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9
_RULE_PATH_BENEATH = 1
_EVERY_RIGHT = (1 << 13) - 1
"""All of Landlock's first version: execute, write, read, list, remove and make of every kind."""
_READ_FILE = 1 << 0 | 1 << 2
"""Execute and read."""
_READ_FOLDER = _READ_FILE | 1 << 3
_DEVICES = "/dev"
_USE_DEVICE = 1 << 1
"""Write: video decoders, and what is to be thrown away."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def confine(paths: list[str]) -> bool:
    """Let this process read ``paths`` and what is beneath them, write nothing, and debug nobody outside.

    False where the system knows no Landlock: then nothing has changed. Raises OSError when it fails otherwise.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    ruleset = _Ruleset(_EVERY_RIGHT)
    rules = libc.syscall(_CREATE, ctypes.byref(ruleset), ctypes.c_size_t(ctypes.sizeof(ruleset)), 0)
    if rules < 0:
        return False
    try:
        for path in paths:
            _allow(libc, rules, path)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(_RESTRICT, rules, 0):
            raise OSError(ctypes.get_errno(), "a process of cameras can't be confined")
    finally:
        os.close(rules)
    return True


def _allow(libc: ctypes.CDLL, rules: int, path: str) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rights = _READ_FOLDER if os.path.isdir(path) else _READ_FILE  # noqa: PTH112 - pathlib is loaded later
        if path == _DEVICES:
            rights |= _USE_DEVICE
        rule = _Beneath(rights, descriptor)
        if libc.syscall(_ADD, rules, _RULE_PATH_BENEATH, ctypes.byref(rule), 0):
            raise OSError(ctypes.get_errno(), "a process of cameras can't be confined", path)
    finally:
        os.close(descriptor)


def die_with_the_edge() -> None:
    """Also where nobody comes to read from the socket that the edge is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)


if __name__ == "__main__":
    is_confined = False
    if sys.platform == "linux":
        die_with_the_edge()
        is_confined = confine(sys.argv[2:])
    from edge.shards.child import main

    main(int(sys.argv[1]), confined=is_confined)
