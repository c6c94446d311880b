"""The command line: one file a command."""

from carga.cli.app import main

__all__ = ["main"]
