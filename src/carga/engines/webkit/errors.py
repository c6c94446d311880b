"""What WebKitGTK says of network errors, in the words of Chromium: a cause is called the same in every engine.

The sentences are those of GLib and libsoup in English, which is what a browser of ours speaks.
"""

_WORDS = (
    ("Connection refused", "CONNECTION_REFUSED"),
    ("Error resolving", "NAME_NOT_RESOLVED"),
    ("Connection reset by peer", "CONNECTION_RESET"),
    ("Connection terminated unexpectedly", "EMPTY_RESPONSE"),
    ("timed out", "TIMED_OUT"),
    ("unreachable", "ADDRESS_UNREACHABLE"),
    ("TLS certificate", "CERT_INVALID"),
    ("TLS", "SSL_PROTOCOL_ERROR"),
    ("Too many redirects", "TOO_MANY_REDIRECTS"),
    ("restricted network port", "UNSAFE_PORT"),
    ("Too many open files", "INSUFFICIENT_RESOURCES"),
)


def network_error(text: str) -> str:
    """`net::ERR_…` for one of WebKitGTK's sentences."""
    for words, name in _WORDS:
        if words in text:
            return f"net::ERR_{name}"
    return "net::ERR_FAILED"
