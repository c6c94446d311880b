"""Every engine of this version: whether it is installed, what it offers, and what it lacks."""

import msgspec

from carga.engines.catalogue import load_engine
from carga.errors import CargaError
from carga.model.engines import ENGINES


class EngineReport(msgspec.Struct, frozen=True):
    engine: str
    title: str
    version: str
    """"" when it is not installed; then `problem` and `remedy` tell."""
    renderings: tuple[str, ...]
    isolations: tuple[str, ...]
    trusted_input: bool
    lacks: dict[str, str]
    problem: str = ""
    remedy: str = ""


def engines() -> list[EngineReport]:
    reports = []
    for name, traits in ENGINES.items():
        version = problem = remedy = ""
        try:
            version = load_engine(name).version
        except CargaError as error:
            problem, remedy = error.problem, error.remedy
        reports.append(
            EngineReport(
                name,
                traits.title,
                version,
                traits.renderings,
                traits.isolations,
                traits.trusted_input,
                traits.lacks,
                problem,
                remedy,
            )
        )
    return reports
