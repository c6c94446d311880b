"""Who may join a run."""

import secrets

from carga.coordinator.roster import WORKERS_MAX, WorkerRecord
from carga.wire.messages import PROTOCOL, Hello, Refuse

USERS_MAX = 1_000_000
"""Of one worker."""
NAME_LENGTH_MAX = 200
BROWSERS_MAX = 20


def objection(hello: Hello, record: WorkerRecord | None, *, token: str, joined: int) -> Refuse | None:
    """`record` is what is known of a worker of that name, `joined` how many workers have joined so far.

    The same process may come again over another connection, because it may know better than the coordinator that the
    old one is dead. Another process of the same name may not.
    """
    if hello.protocol != PROTOCOL:
        words = f"the coordinator speaks version {PROTOCOL} of the protocol, the worker version {hello.protocol}"
        return Refuse("protocol", words)
    if not secrets.compare_digest(hello.token.encode(), token.encode()):
        return Refuse("token", "the token is wrong")
    if len(hello.host) > NAME_LENGTH_MAX or len(hello.browsers) > BROWSERS_MAX:
        return Refuse("protocol", "the worker's host or browsers are out of range")
    if not 0 < len(hello.worker) <= NAME_LENGTH_MAX or not 0 <= hello.users_max <= USERS_MAX:
        return Refuse("protocol", "the worker's name or capacity is out of range")
    if record is not None and record.process not in (None, (hello.host, hello.pid)):
        return Refuse("duplicate", f"another process is worker {hello.worker}")
    if record is None and joined >= WORKERS_MAX:
        return Refuse("over", f"{WORKERS_MAX} workers have joined already")
    return None
