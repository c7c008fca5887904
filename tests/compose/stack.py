"""A compose project of its own: other secrets, another port, other volumes than anybody's."""

import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.installation import RUN_FILE
from services.runtime.private_files import write_private_json

PROJECT = "pushgate-test"
IMAGE = "pushgate:test"
BASE_IMAGES = ("python:3.13-slim", "postgres:18", "caddy:2")

PROGRAMS = ("tokens", "ingest", "loader", "history", "signer")
STANDINS = Path("../shared/standins/build")
COMMAND_SECONDS_MAX = 300.0
SITE = "localhost"


class StackFailed(Exception):
    """A step of docker's went wrong; what it said is the message."""


def run(*command: str, seconds_max: float = COMMAND_SECONDS_MAX, **variables: str) -> str:
    """Standard output and error together; raises StackFailed with them."""
    done = subprocess.run(
        command,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds_max,
        env={**os.environ, **variables},
    )
    if done.returncode != 0:
        raise StackFailed(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def reason_to_skip() -> str | None:
    """Why there can be no stack here; images that are missing are pulled, or stood in for."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    try:
        run("docker", "version", seconds_max=30)
        run("docker", "compose", "version", seconds_max=30)
        run(*_get_images(), seconds_max=900)
    except (StackFailed, subprocess.TimeoutExpired) as failed:
        return str(failed).strip().splitlines()[-1]
    return None


def _get_images() -> tuple[str, ...]:
    missing = [image for image in BASE_IMAGES if not _is_here(image)]
    for image in list(missing):
        try:
            run("docker", "pull", "--quiet", image)
            missing.remove(image)
        except StackFailed:
            if not STANDINS.exists():
                raise
    return (str(STANDINS), *missing) if missing else ("docker", "images", "--quiet")


def _is_here(image: str) -> bool:
    command = ["docker", "image", "inspect", image]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@dataclass(frozen=True)
class Stack:
    """``directory`` holds its secrets; ``run.json`` there lets commands of this machine find it."""

    directory: Path

    @property
    def env_file(self) -> Path:
        return self.directory / ".env"

    @property
    def authority(self) -> Path:
        """The certificate of caddy's own authority."""
        return self.directory / "root.crt"

    @property
    def url(self) -> str:
        return f"https://{SITE}:{self.settings()['PUSHGATE_HTTPS_PORT']}"

    def prepare(self) -> None:
        run("deploy/secrets", str(self.env_file))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with self.env_file.open("a") as file:
            file.write(f"PUSHGATE_IMAGE={IMAGE}\nPUSHGATE_HTTPS_PORT={port}\n")

    def settings(self) -> dict[str, str]:
        lines = self.env_file.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def secrets(self) -> list[str]:
        return [text for name, text in self.settings().items() if name.endswith("PASSWORD")]

    def compose(self, *arguments: str, seconds_max: float = COMMAND_SECONDS_MAX) -> str:
        own = ("--project-name", PROJECT, "--env-file", str(self.env_file))
        return run("docker", "compose", *own, *arguments, seconds_max=seconds_max)

    def up(self, *scale: str) -> float:
        """Seconds until everything was healthy."""
        began = time.monotonic()
        counts = [word for each in scale for word in ("--scale", each)]
        self.compose("up", "--detach", "--wait", "--no-build", *counts)
        self._fetch_authority()
        return time.monotonic() - began

    def _fetch_authority(self) -> None:
        made = "/data/caddy/pki/authorities/local/root.crt"
        self.compose("cp", f"caddy:{made}", str(self.authority))

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "--all", "--quiet", service).split()

    def kill(self, service: str) -> None:
        """-9, every process of it at once."""
        run("docker", "kill", "--signal", "KILL", *self.containers(service))

    def kill_from_inside(self, service: str) -> None:
        """-9 to the program, so that docker takes it for a crash."""
        find_and_kill = (
            "import os\n"
            "for p in filter(str.isdecimal, os.listdir('/proc')):\n"
            "    if b'-m\\0services.' in open(f'/proc/{p}/cmdline', 'rb').read():\n"
            "        os.kill(int(p), 9)\n"
        )
        self.compose("exec", "--no-TTY", service, "python", "-c", find_and_kill)

    def metrics(self, container: str) -> str:
        return run("docker", "exec", container, "ops", "/metrics")

    def logs(self, *services: str) -> str:
        return self.compose("logs", "--no-color", *services)

    def inspect(self, container: str) -> Any:
        return json.loads(run("docker", "inspect", container))[0]

    def write_run_file(self, client_id: int, connect_token: str) -> None:
        """The databases are reached over the engine's bridge, which only this machine can."""
        networks = self.inspect(self.containers("postgres")[0])["NetworkSettings"]["Networks"]
        address = networks[f"{PROJECT}_database"]["IPAddress"]
        known = self.settings()
        owner = f"pushgate_owner:{known['PUSHGATE_OWNER_DATABASE_PASSWORD']}"
        loader = f"pushgate_loader:{known['PUSHGATE_LOADER_DATABASE_PASSWORD']}"
        write_private_json(
            self.directory / RUN_FILE,
            {
                **{program: {"url": self.url} for program in ("tokens", "ingest", "history")},
                "database_url": f"postgresql://{owner}@{address}:5432/pushgate",
                "destination_url": f"postgresql://{loader}@{address}:5432/pushgate_destination",
                "client_id": client_id,
                "connect_token": connect_token,
            },
        )

    def down(self, *, forget: bool) -> None:
        self.compose("down", "--timeout", "60", *(["--volumes"] if forget else []))
