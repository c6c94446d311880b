"""Names of network errors. Lightpanda's are libcurl's; the report has Chromium's, so that runs can be compared."""

_NAMES = {
    "CouldntConnect": "net::ERR_CONNECTION_REFUSED",
    "CouldntResolveHost": "net::ERR_NAME_NOT_RESOLVED",
    "CouldntResolveProxy": "net::ERR_PROXY_CONNECTION_FAILED",
    "GotNothing": "net::ERR_EMPTY_RESPONSE",
    "Http2": "net::ERR_HTTP2_PROTOCOL_ERROR",
    "Http2Stream": "net::ERR_HTTP2_PROTOCOL_ERROR",
    "OperationTimedout": "net::ERR_TIMED_OUT",
    "PartialFile": "net::ERR_CONTENT_LENGTH_MISMATCH",
    "PeerFailedVerification": "net::ERR_CERT_INVALID",
    "RecvError": "net::ERR_CONNECTION_RESET",
    "SendError": "net::ERR_CONNECTION_RESET",
    "SslConnectError": "net::ERR_SSL_PROTOCOL_ERROR",
    "TooManyRedirects": "net::ERR_TOO_MANY_REDIRECTS",
}


def network_error(name: str) -> str:
    """ "" stays "", and a name that is not known is passed on as it is."""
    return _NAMES.get(name, f"net::ERR_FAILED ({name})" if name else "")
