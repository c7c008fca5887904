"""Real nested data: the GitHub webhook bodies of the npm package @octokit/webhooks-examples.

They come without a key, so each gets the one that a webhook has in a header: the name of its
delivery. `reactions` count `+1` and `-1`, which become one column; spelled out, both are kept.
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from cli.errors import CommandFailed

PACKAGE = "@octokit/webhooks-examples@7.6.1"
ARCHIVE = "octokit-webhooks-examples-7.6.1.tgz"
SHA512 = "De6U3XB6O3DtCa7bKgCMzTHdeopqqZ6SNivMYJnK65ierKL1AnNIA0tkRYCRS7lwGT792d+Ps1WbfHlso6MynQ=="
KEPT_IN = Path(__file__).parents[1] / ".cache"
DOWNLOAD_SECONDS_MAX = 120
KEY = "delivery"

Delivery: TypeAlias = dict[str, Any]


def webhooks_archive(kept_in: Path = KEPT_IN) -> Path:
    """Where the archive is; fetched with npm the first time, its hash checked. Raises Refused."""
    path = kept_in / ARCHIVE
    if not path.exists():
        kept_in.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept_in) as directory:
            _fetch(Path(directory))
            found = _sha512(Path(directory) / ARCHIVE)
            if found != SHA512:
                raise CommandFailed(f"npm's {ARCHIVE} has the SHA-512 {found}, not {SHA512}.")
            # At once, for another process may want it too.
            (Path(directory) / ARCHIVE).replace(path)
    return path


def _fetch(directory: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise CommandFailed(f"npm, which fetches {ARCHIVE}, is not installed.")
    command = [npm, "pack", PACKAGE, "--silent", "--ignore-scripts", "--pack-destination", "."]
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            check=False,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(
            f"npm needed more than {DOWNLOAD_SECONDS_MAX} s for {ARCHIVE}."
        ) from late
    if done.returncode != 0:
        raise CommandFailed(f"npm can't get {ARCHIVE}: {done.stderr.strip()}")


def _sha512(path: Path) -> str:
    return base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def deliveries(path: Path) -> dict[str, list[Delivery]]:
    """The bodies by the kind of event, each with its key."""
    with tarfile.open(path) as tar:
        packed = tar.extractfile("package/api.github.com/index.json")
        assert packed is not None, "a regular file of the archive, which was verified by its hash"
        kinds = orjson.loads(packed.read())
    return {
        kind["name"]: [
            {KEY: f"{kind['name']}/{number}", **body}
            for number, body in enumerate(kind["examples"])
        ]
        for kind in kinds
    }


def spelled_out(value: Any) -> Any:
    """Without two fields that become one column."""
    if isinstance(value, list):
        return [spelled_out(element) for element in value]
    if isinstance(value, dict):
        names = {"+1": "plus_one", "-1": "minus_one"}
        return {names.get(name, name): spelled_out(field) for name, field in value.items()}
    return value
