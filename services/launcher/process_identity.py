"""Telling a process from a later one that has got the same number."""

import subprocess
from pathlib import Path


def start_time(pid: int) -> str | None:
    """When ``pid`` was started, in the system's own words; None when there is no such process."""
    status = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # The second field, the name in brackets, may hold anything, also blanks and brackets.
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, ticks = fields[0], fields[19]
        return None if state in "ZX" else f"{_boot()} {ticks}"
    asked = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or None


def _boot() -> str:
    """Start times count from the boot, so the boot belongs to them."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
