"""Firefox's names of network errors in the words of Chromium, so that a cause is called the same in every engine."""

_NAMES = {
    # Of requests: nsresult.
    "NS_ERROR_CONNECTION_REFUSED": "CONNECTION_REFUSED",
    "NS_ERROR_UNKNOWN_HOST": "NAME_NOT_RESOLVED",
    "NS_ERROR_NET_RESET": "CONNECTION_RESET",
    "NS_ERROR_NET_INTERRUPT": "CONNECTION_CLOSED",
    "NS_ERROR_NET_EMPTY_RESPONSE": "EMPTY_RESPONSE",
    "NS_ERROR_NET_PARTIAL_TRANSFER": "CONTENT_LENGTH_MISMATCH",
    "NS_ERROR_NET_TIMEOUT": "TIMED_OUT",
    "NS_ERROR_REDIRECT_LOOP": "TOO_MANY_REDIRECTS",
    "NS_ERROR_PORT_ACCESS_NOT_ALLOWED": "UNSAFE_PORT",
    "NS_ERROR_INVALID_CONTENT_ENCODING": "CONTENT_DECODING_FAILED",
    "NS_ERROR_OFFLINE": "INTERNET_DISCONNECTED",
    "NS_ERROR_NET_INADEQUATE_SECURITY": "SSL_PROTOCOL_ERROR",
    # Of navigations: the names of Firefox's error pages.
    "connectionFailure": "CONNECTION_REFUSED",
    "dnsNotFound": "NAME_NOT_RESOLVED",
    "netReset": "CONNECTION_RESET",
    "netInterrupt": "CONNECTION_CLOSED",
    "netEmptyResponse": "EMPTY_RESPONSE",
    "netTimeout": "TIMED_OUT",
    "redirectLoop": "TOO_MANY_REDIRECTS",
    "deniedPortAccess": "UNSAFE_PORT",
    "contentEncodingError": "CONTENT_DECODING_FAILED",
    "nssFailure2": "SSL_PROTOCOL_ERROR",
    "nssBadCert": "CERT_INVALID",
}
_PAGES_OWN = frozenset(("NS_BINDING_ABORTED", "NS_ERROR_ABORT", "NS_IMAGELIB_ERROR_FAILURE", "NS_BINDING_REDIRECTED"))
"""Cancelled by the page or its end: no failure of the network."""


def network_error(text: str) -> str:
    """`net::ERR_…` for Firefox's word; "" for a request that the page itself gave up."""
    name = text.removeprefix("Error: ").strip().split(" ", 1)[0]
    if name in _PAGES_OWN:
        return ""
    if name in _NAMES:
        return f"net::ERR_{_NAMES[name]}"
    if "MODULE_SECURITY" in name or name.startswith(("SSL_ERROR_", "NSS_", "SEC_ERROR_", "MOZILLA_PKIX_")):
        return "net::ERR_SSL_PROTOCOL_ERROR"
    bare = name.removeprefix("NS_ERROR_").removeprefix("NS_")
    return f"net::ERR_{''.join(letter if letter.isalnum() else '_' for letter in bare).upper() or 'FAILED'}"
