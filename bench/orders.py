"""Work that a process of its own does, so that it does not count for what is measured here."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


async def carried_out(module: str, orders: "DataclassInstance") -> Any:
    """What `python -m module` saw. Orders go to its standard input: no token in a process list."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module), stdin=PIPE, stdout=PIPE
    )
    output, _ = await process.communicate(orjson.dumps(asdict(orders)))
    if process.returncode != 0:
        raise RuntimeError(f"{module} gave up; its last words are above")
    return orjson.loads(output)
