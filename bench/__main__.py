"""`python -m bench [NAME …]`: all measures, or those of the modules named.

`loader` means all modules with names that start with `loader_`.
"""

import asyncio
import importlib
import logging
import sys
from pathlib import Path

import orjson

from bench.measure import Measure
from bench.system import bench_context
from services.runtime.logs import configure_logs

# Each has ``async def measure(context: Context) -> list[Measure]``.
MODULES = (
    "ingest",
    "wire",
    "loader_flights",
    "loader_nested",
    "loader_peers",
    "loader_backlog",
    "loader_large",
    "loader_latency",
    "history",
    "sealing",
    "client",
    "relay",
)
LATEST = Path(__file__).parent / "out" / "latest.json"


async def run(modules: list[str]) -> list[Measure]:
    measures: list[Measure] = []
    async with bench_context() as context:
        for name in modules:
            measures += await importlib.import_module(f"bench.{name}").measure(context)
    return measures


def chosen(names: list[str]) -> list[str]:
    """In the order of MODULES. Raises LookupError for a name that means none of them."""
    found = {n: [m for m in MODULES if m == n or m.startswith(f"{n}_")] for n in names}
    unknown = [name for name, modules in found.items() if not modules]
    if unknown:
        raise LookupError(
            f"no measures called {', '.join(unknown)}; there are {', '.join(MODULES)}"
        )
    return [m for m in MODULES if not names or any(m in modules for modules in found.values())]


def table(measures: list[Measure]) -> str:
    width = max(len(each.measure) for each in measures)
    lines = [f"{'measure':<{width}}  {'value':>12}  {'floor':>12}  ratio  reach  met"]
    for each in measures:
        floor = "" if each.floor is None else f"{each.floor:,.0f}"
        ratio = "" if each.ratio is None else f"{each.ratio:.2f}"
        reach = "" if each.reach is None else f"{each.reach:g}"
        lines.append(
            f"{each.measure:<{width}}  {each.value:>12,.0f}  {floor:>12}  {ratio:>5}  {reach:>5}"
            f"  {'yes' if each.met else 'NO':<3}  {each.unit}"
        )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    # The table is what this prints; what the programs say is in logs of their own.
    configure_logs("bench", level=logging.WARNING)
    try:
        modules = chosen(arguments)
    except LookupError as unknown:
        print(unknown.args[0], file=sys.stderr)
        return 2
    measures = asyncio.run(run(modules))
    print(table(measures))
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_bytes(
        orjson.dumps([each.as_json() for each in measures], option=orjson.OPT_INDENT_2)
    )
    return 0 if all(each.met for each in measures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
