"""`carga image`: builds the images of containers."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

app = App(
    name="image", help="Build the images of containers.", default_parameter=Parameter(negative="", show_default=False)
)


@app.command
def build(
    *,
    base: Annotated[
        str,
        Parameter(help="The Debian image to build on; left out: debian:bookworm-slim. `mmdebstrap` makes one here."),
    ] = "debian:bookworm-slim",
    tag: Annotated[str, Parameter(help="Tag of the images; left out: the version of carga.")] = "",
    apt: Annotated[
        Path | None, Parameter(help="An apt configuration to build with, such as /etc/apt behind a mirror.")
    ] = None,
    engine: Annotated[str, Parameter(help="The browser in the images.")] = "chromium",
) -> int:
    """Build the images that containers run: carga-browser for users, carga-worker for `carga run --on docker`.

    The Dockerfile is src/carga/images/Dockerfile. Python packages come from where pip gets them here. A run uses
    another tag than carga's version when CARGA_IMAGE_TAG names it.
    """
    import os

    from carga.images import TAG_VARIABLE, browser_image, worker_image
    from carga.images.build import build as build_images

    if tag:
        os.environ[TAG_VARIABLE] = tag
    build_images(base=base, apt=apt, engine=engine, say=_say)
    print(browser_image())
    print(worker_image())
    return 0


@app.command
def base() -> int:
    """Make the Debian base carga-base:bookworm with mmdebstrap, where no image registry can be reached.

    Packages come from this machine's own sources when it runs the same Debian.
    """
    from carga.images.base import make_base

    print(make_base(say=_say))
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
