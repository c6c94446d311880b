"""What a run checks before it begins, so that a mistake costs a second and not a run."""

import asyncio

from carga.engines.catalogue import load_engine
from carga.engines.engine import Engine
from carga.errors import BehaviourError, BrowserMissing
from carga.model.plan import Rendering
from carga.page.behaviour import prepare_behaviour
from carga.plans import LoadedPlan


def check_behaviours(loaded: LoadedPlan, *, must_have_browser: bool) -> str:
    """Raises BehaviourError when a behaviour is no module with a default export, or has a syntax error.

    Syntax is checked by the browser itself. BrowserMissing when there is none, unless it need not be there;
    BrowserFailed when it does not start. Returns why browsers run without their sandbox, "" when they have one.
    """
    sources = {path: prepare_behaviour(path, source) for path, source in loaded.behaviours.items()}
    try:
        engines = {group.engine: load_engine(group.engine) for group in loaded.plan.groups}
        first = loaded.plan.groups[0]
        return asyncio.run(_check_syntax(engines[first.engine], first.rendering, sources))
    except BrowserMissing:
        if must_have_browser:
            raise
    return ""


async def _check_syntax(engine: Engine, rendering: Rendering, sources: dict[str, str]) -> str:
    browser = await engine.open_browser(rendering)
    try:
        for path, source in sources.items():
            if problem := await browser.check_script(source, path):
                raise BehaviourError(f"{path} cannot be read: {problem}", "Mend the syntax error.")
    finally:
        await browser.close()
    return engine.unsafe
