"""One tree of errors. Each says what is wrong, what to do about it, and how the process ends."""

from carga.exitcodes import ExitCode


class CargaError(Exception):
    """Base of all errors that are meant for a person.

    `problem` is one sentence that says what is wrong, `remedy` one that says what to do.
    `code` is stable and may be matched by programs.
    """

    code = "internal"
    exit_code = ExitCode.INTERNAL

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy


class UsageError(CargaError):
    """Wrong arguments on the command line."""

    code = "usage"
    exit_code = ExitCode.USAGE


class BehaviourError(CargaError):
    """A behaviour file that cannot be loaded: syntax, imports, no default export."""

    code = "behaviour"
    exit_code = ExitCode.USAGE


class BrowserMissing(CargaError):
    """No browser of the engine is installed, or it is too old."""

    code = "browser-missing"
    exit_code = ExitCode.NO_USER


class BrowserFailed(CargaError):
    """A browser did not start, stopped answering, or died."""

    code = "browser-failed"
    exit_code = ExitCode.NO_USER


class PageFailed(CargaError):
    """A user's page could not be opened or was lost while its browser lives on."""

    code = "page-failed"
    exit_code = ExitCode.NO_USER


class ProtocolError(CargaError):
    """A message between worker and coordinator that is truncated, oversized, unknown or of another version."""

    code = "protocol"


class Refused(CargaError):
    """The coordinator turned a worker away: wrong token, other protocol version, run over."""

    code = "refused"


class JournalError(CargaError):
    """The journal cannot be written or read: full disk, damaged file, other schema."""

    code = "journal"
