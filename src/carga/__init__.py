"""carga: load tests with real browsers."""

__version__ = "0.1.0"
