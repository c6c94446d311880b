"""The images of containers: what they are called, and what they are built from (the files beside this one)."""

import os
from pathlib import Path

from carga import __version__

FILES = Path(__file__).parent
SECCOMP = FILES / "seccomp.json"
"""System calls that containers may make: what programs without privileges need, and what Chromium's sandbox needs."""
TAG_VARIABLE = "CARGA_IMAGE_TAG"


def tag() -> str:
    """Of the images in use: this version's, or another one's."""
    return os.environ.get(TAG_VARIABLE) or __version__


def browser_image() -> str:
    return f"carga-browser:{tag()}"


def worker_image() -> str:
    return f"carga-worker:{tag()}"
