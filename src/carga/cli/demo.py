"""`carga demo`"""


def demo() -> int:
    """Load the bundled IPTV guide: see everything work in a minute."""
    raise NotImplementedError
