"""Makes the peers' environments, from hashed requirements, and keeps them in .cache."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
KEPT_IN = HERE.parents[1] / ".cache" / "peers"
INSTALL_SECONDS_MAX = 600


def environment(peer: str) -> Path:
    """The folder with the peer's programs; made the first time and when its requirements change."""
    requirements = HERE / f"{peer}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    home = KEPT_IN / f"{peer}-{digest}"
    if not (home / "ready").exists():
        print(f"Installing {peer} into {home} ...", file=sys.stderr, flush=True)
        venv.create(home, clear=True, with_pip=True)
        subprocess.run(
            [
                *(str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"),
                *("--require-hashes", "--requirement", str(requirements)),
            ],
            check=True,
            timeout=INSTALL_SECONDS_MAX,
        )
        (home / "ready").touch()
    return home / "bin"
