"""Runs a program where the kernel refuses new user namespaces, as Docker's usual seccomp profile makes it.

python tests/support/without_namespaces.py PROGRAM [ARGUMENT ...]
"""

import ctypes
import errno
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
ALLOW = 0x7FFF_0000
REFUSE = 0x0005_0000
CLONE_NEWUSER = 0x1000_0000
CLONE3 = 435
NUMBERS = {"x86_64": {"clone": 56, "unshare": 272}, "aarch64": {"clone": 220, "unshare": 97}}
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
"""Instructions of classic BPF: load a word, jump if equal, jump if a bit is set, return."""
CALL_AT, FLAGS_AT = 0, 16
"""Where `struct seccomp_data` holds the number of the call and the lower half of its first argument."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def refuse_namespaces() -> None:
    """For this process and all that it starts. Glibc falls back to clone when clone3 does not exist."""
    numbers = NUMBERS[platform.machine()]
    instructions = (
        (LOAD, 0, 0, CALL_AT),
        (EQUAL, 0, 1, CLONE3),
        (RETURN, 0, 0, REFUSE | errno.ENOSYS),
        (EQUAL, 2, 0, numbers["clone"]),
        (EQUAL, 1, 0, numbers["unshare"]),
        (RETURN, 0, 0, ALLOW),
        (LOAD, 0, 0, FLAGS_AT),
        (ANY_BIT, 0, 1, CLONE_NEWUSER),
        (RETURN, 0, 0, REFUSE | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
    )
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    program = _Program(len(instructions), packed)
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))):
        if libc.prctl(*call, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse_namespaces()
    os.execvp(sys.argv[1], sys.argv[1:])
