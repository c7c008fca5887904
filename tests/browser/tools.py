"""The tools that the browser tests need: Chromium and two npm packages.

Whatever is missing is the one line with which they are skipped.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import playwright

from tests.database.shared_server import locked
from tests.house.sources import ROOT

CHECKS = Path(__file__).parent / "checks"
NPM_SECONDS_MAX = 90
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
# Headless as root, and quiet: no request of Chromium's own.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-first-run",
]


def chromium() -> str | None:
    return next((found for name in CHROMIUMS if (found := shutil.which(name))), None)


def node() -> Path:
    """Playwright brings the Node that it runs on, so its version is the same everywhere."""
    return Path(playwright.__file__).parent / "driver" / "node"


class Missing(Exception):
    """The sentence says what."""


async def page_checks() -> Path:
    """Where axe-core and html-validate are, fetched by npm once for each lock file.

    Raises Missing.
    """
    lock = (CHECKS / "package-lock.json").read_bytes()
    folder = ROOT / ".cache" / "page-checks" / hashlib.sha256(lock).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    async with locked(folder.with_suffix(".lock")):
        if not (folder / "ready").exists():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("npm is not installed, so axe-core and html-validate cannot be fetched")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(CHECKS / name, folder / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            check=False,
            capture_output=True,
            text=True,
            timeout=NPM_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"npm fetched nothing within {NPM_SECONDS_MAX} s") from None
    if done.returncode:
        last = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise Missing(f"npm could not fetch axe-core and html-validate: {last}")
    (folder / "ready").touch()
