"""Run by dlt's own environment: `python dlt_records.py FILE SCHEMA KEY…`, records a line as JSON.

The destination is in dlt's own variables.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt  # type: ignore[import-not-found]  # never in our environment


def records(path: Path) -> Iterator[list[dict[str, Any]]]:
    """In pieces of a size that dlt advises, rather than one by one."""
    piece: list[dict[str, Any]] = []
    with path.open() as lines:
        for line in lines:
            piece.append(json.loads(line))
            if len(piece) == 10_000:
                yield piece
                piece = []
    yield piece


def main(file: str, schema: str, *key: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        pipeline = dlt.pipeline(
            pipeline_name="peer",
            destination="postgres",
            dataset_name=schema,
            pipelines_dir=directory,
        )
        found = pipeline.run(
            records(Path(file)),
            table_name="flights",
            write_disposition={"disposition": "merge", "strategy": "upsert"},
            primary_key=list(key),
        )
        found.raise_on_failed_jobs()


if __name__ == "__main__":
    main(*sys.argv[1:])
