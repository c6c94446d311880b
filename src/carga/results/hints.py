"""What a cause of failure usually means, and where to look first.

Texts are for somebody who runs the target. A cause that no pattern knows gets none rather than a guess.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Hint:
    meaning: str
    look_at: str


_CODE = re.compile(r"[0-9]{3,4}")

_HTTP = {
    "400": Hint(
        "The server did not understand the request.", "Application log; whether the identity has the right form."
    ),
    "401": Hint(
        "Not signed in, or the session ended.", "Identities and cookies of the plan; session store and its size."
    ),
    "403": Hint(
        "Signed in, but not allowed; often a firewall or a limit of sessions.", "Rate limits, bot protection, licences."
    ),
    "404": Hint(
        "Nothing is at this address.", "The URL of the plan; deployments in which pages and their files do not match."
    ),
    "408": Hint("The server gave up waiting for the request.", "Request time-outs and worker threads of the server."),
    "413": Hint("The request was larger than the server takes.", "Body and header size limits."),
    "429": Hint(
        "The server limits how many requests a client may send.",
        "Rate limits: all users of a worker share its address.",
    ),
    "500": Hint("The application failed.", "Application log at the first second of this cause; database connections."),
    "502": Hint(
        "A proxy got no proper answer from the application behind it.",
        "Whether the application crashed or restarted; its backlog; the proxy's error log.",
    ),
    "503": Hint(
        "The server is overloaded, or a limit on sessions, connections or workers was reached.",
        "Pool sizes, limits of sessions, the queue in front of the application.",
    ),
    "504": Hint(
        "A proxy waited too long for the application behind it.",
        "Slow database queries, worker threads that are all busy, the proxy's time-out.",
    ),
}

_WEBSOCKET = {
    "1001": Hint("The server went away.", "Restarts and deployments during the run."),
    "1006": Hint(
        "The connection was cut without a goodbye.",
        "Open-file limits (ulimit -n), idle time-outs of proxies and load balancers, crashes of the server.",
    ),
    "1008": Hint("The server refused a message for breaking its rules.", "Authentication of WebSockets."),
    "1009": Hint("A message was too long.", "Message size limits of server and proxy."),
    "1011": Hint("The server failed while it handled the connection.", "Application log."),
    "1012": Hint("The server restarted.", "Crashes, memory limits, deployments during the run."),
    "1013": Hint("The server is overloaded and asks to come back later.", "Connection limits of the server."),
    "1015": Hint("TLS failed.", "Certificates; CPU of whatever ends TLS."),
}

_NETWORK = {
    "net::ERR_CONNECTION_REFUSED": Hint(
        "Nobody listens at that address and port, or the queue of new connections is full.",
        "Whether the server still runs; its listen backlog and net.core.somaxconn; firewalls that reject.",
    ),
    "net::ERR_CONNECTION_RESET": Hint(
        "The connection was open and the other side dropped it.",
        "Crashes and restarts, open-file limits (ulimit -n), worker limits, time-outs of proxies.",
    ),
    "net::ERR_CONNECTION_CLOSED": Hint(
        "The server closed the connection before it answered.", "Open-file limits, crashes, keep-alive time-outs."
    ),
    "net::ERR_EMPTY_RESPONSE": Hint(
        "The server took the request and closed without a byte.", "Crashes of the application, worker time-outs."
    ),
    "net::ERR_CONNECTION_TIMED_OUT": Hint(
        "No answer to the attempt to connect: packets are dropped.",
        "SYN queue (net.ipv4.tcp_max_syn_backlog), firewalls, connection tracking tables, the network's capacity.",
    ),
    "net::ERR_TIMED_OUT": Hint(
        "No answer in time.", "Whether the server accepts connections at all; slow queries; saturated network links."
    ),
    "net::ERR_NAME_NOT_RESOLVED": Hint(
        "The host name has no address, or the DNS server did not answer.", "DNS server and its limits; the plan's URL."
    ),
    "net::ERR_ADDRESS_UNREACHABLE": Hint("There is no route to the server.", "Routing, VPN, firewalls."),
    "net::ERR_INTERNET_DISCONNECTED": Hint("The generator has no network.", "The generator's network."),
    "net::ERR_NETWORK_CHANGED": Hint("The generator's network changed.", "The generator's network interfaces, DHCP."),
    "net::ERR_INSUFFICIENT_RESOURCES": Hint(
        "The browser ran out of something: sockets, memory or requests in flight.",
        "The generator, not the target: fewer users for each browser, more memory, RLIMIT_NOFILE.",
    ),
    "net::ERR_OUT_OF_MEMORY": Hint("The browser ran out of memory.", "The generator: fewer users for each machine."),
    "net::ERR_ADDRESS_IN_USE": Hint(
        "The generator has no local port left.",
        "net.ipv4.ip_local_port_range on the generator; several addresses or machines.",
    ),
    "net::ERR_TOO_MANY_REDIRECTS": Hint("Pages send the browser in a circle.", "Sign-in; rules of the proxy."),
    "net::ERR_CONTENT_LENGTH_MISMATCH": Hint(
        "The answer broke off in the middle.", "Crashes, full disks of a proxy's cache, time-outs while sending."
    ),
    "net::ERR_INCOMPLETE_CHUNKED_ENCODING": Hint(
        "The answer broke off in the middle.", "Crashes and time-outs of the application while sending."
    ),
    "net::ERR_HTTP2_PROTOCOL_ERROR": Hint(
        "The server or a proxy ended an HTTP/2 stream.", "Limits on streams and requests of a connection."
    ),
    "net::ERR_HTTP2_SERVER_REFUSED_STREAM": Hint(
        "The server takes no more HTTP/2 streams.", "Limits on streams of a connection."
    ),
    "net::ERR_ABORTED": Hint(
        "The page itself gave the request up, mostly by going elsewhere.",
        "Usually harmless; slow answers make it frequent.",
    ),
    "net::ERR_BLOCKED_BY_CLIENT": Hint("The browser blocked the request.", "Policies of the browser."),
    "net::ERR_BLOCKED_BY_RESPONSE": Hint("Headers of the answer forbid its use.", "CORS and resource policies."),
}

_PATTERNS: tuple[tuple[re.Pattern[str], Hint], ...] = (
    (
        re.compile(r"net::ERR_(CERT|SSL|TLS)_", re.IGNORECASE),
        Hint("TLS failed.", "Certificate, its names and dates; CPU of whatever ends TLS."),
    ),
    (re.compile(r"net::ERR_(DNS|NAME)_"), _NETWORK["net::ERR_NAME_NOT_RESOLVED"]),
    (re.compile(r"net::ERR_SOCKET|net::ERR_NO_BUFFER_SPACE"), _NETWORK["net::ERR_INSUFFICIENT_RESOURCES"]),
)

_TIMED_OUT = Hint(
    "What the behaviour waited for did not appear in time.",
    "The pictures of the failures; requests that failed or were slow in the same seconds.",
)
_PAGE = Hint(
    "The application's own JavaScript failed.",
    "The same place in the application's code; often the result of a request that failed before.",
)
_CRASH = Hint(
    "A browser or a page of it died.", "Memory of the generator and /dev/shm: fewer users for each browser or machine."
)
_START = Hint("A user's page could not be opened.", "Whether the target answers at all; memory of the generator.")
_BEHAVIOUR = Hint("The behaviour threw outside of a step.", "The behaviour's file at the place that the error names.")


def hint_for(area: str, cause: str) -> Hint | None:
    """None when nothing sensible can be said."""
    if area in ("request", "websocket", "user", "step", "behaviour") and "net::" in cause:
        return _network(cause)
    if area == "request":
        return _http(cause)
    if area == "websocket":
        code = _CODE.search(cause)
        return _WEBSOCKET.get(code[0]) if code else None
    if area in ("step", "behaviour") and re.search(r"time[d-]?\s?-?out", cause, re.IGNORECASE):
        return _TIMED_OUT
    return {"page": _PAGE, "browser": _CRASH, "user": _START, "behaviour": _BEHAVIOUR}.get(area)


def _network(cause: str) -> Hint | None:
    name = re.search(r"net::ERR_[A-Z0-9_]+", cause)
    exact = _NETWORK.get(name[0]) if name else None
    return exact or next((hint for pattern, hint in _PATTERNS if pattern.search(cause)), None)


def _http(cause: str) -> Hint | None:
    code = _CODE.search(cause)
    if code is None or not cause.startswith("HTTP"):
        return None
    by_class = _HTTP["500"] if code[0].startswith("5") else _HTTP["400"] if code[0].startswith("4") else None
    return _HTTP.get(code[0], by_class)
