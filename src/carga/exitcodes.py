"""How a process ends. The numbers are part of the command line's contract."""

from enum import IntEnum


class ExitCode(IntEnum):
    PASSED = 0
    INTERNAL = 1
    USAGE = 2
    THRESHOLD = 3
    NO_USER = 4
    UNTRUSTED = 5
    CLUSTER = 6
    INTERRUPTED = 130
