"""Every metric of every program: name, kind, unit, labels and meaning in one place.

docs/reference/metrics.md is generated from CATALOGUE. The values of a label are a closed set, or
bounded as its description states: nothing from a request (a name, a token, a path) is ever one.
"""

from collections.abc import Sequence
from typing import NamedTuple

from prometheus_client import Counter, Gauge, Histogram


class MetricEntry(NamedTuple):
    """``labels``: the possible values of each label."""

    name: str
    kind: str
    unit: str
    meaning: str
    labels: dict[str, str]


CATALOGUE: list[MetricEntry] = []


def _counter(name: str, unit: str, meaning: str, **labels: str) -> Counter:
    CATALOGUE.append(MetricEntry(f"{name}_total", "counter", unit, meaning, labels))
    return Counter(name, meaning, list(labels))


def _gauge(name: str, unit: str, meaning: str, **labels: str) -> Gauge:
    CATALOGUE.append(MetricEntry(name, "gauge", unit, meaning, labels))
    return Gauge(name, meaning, list(labels))


def _histogram(name: str, unit: str, meaning: str, buckets: Sequence[float]) -> Histogram:
    CATALOGUE.append(MetricEntry(name, "histogram", unit, meaning, {}))
    return Histogram(name, meaning, buckets=buckets)


# --- every program ---------------------------------------------------------------------------

EVENT_LOOP_DELAY_SECONDS = _histogram(
    "pushgate_event_loop_delay_seconds",
    "seconds",
    "Delay of a timer beyond its due time; measured four times a second",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
POOL_CONNECTIONS = _gauge(
    "pushgate_pool_connections",
    "connections",
    "Database connections of a pool, at the time of the scrape",
    pool="the program, by its application_name in PostgreSQL",
    state="`busy`, `idle`, `most` (the maximum size of the pool)",
)

# --- ingest ----------------------------------------------------------------------------------

INGEST_REQUESTS = _counter(
    "pushgate_ingest_requests",
    "requests",
    "Requests answered",
    endpoint="a route of ingest, `other` for none of them",
    status="an HTTP status of the wire contract",
)
INGEST_REFUSALS = _counter(
    "pushgate_ingest_refusals",
    "requests",
    "Requests refused",
    reason="a refusal code of the Import API",
)
INGEST_RECORDS = _counter("pushgate_ingest_records", "records", "Records accepted")
INGEST_GROUP_REQUESTS = _histogram(
    "pushgate_ingest_group_requests",
    "requests",
    "Requests in one group transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
INGEST_COMMIT_SECONDS = _histogram(
    "pushgate_ingest_commit_seconds",
    "seconds",
    "Duration of a group's transaction, from its start to its commit",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
INGEST_IN_FLIGHT_BYTES = _gauge(
    "pushgate_ingest_in_flight_bytes",
    "bytes",
    "Request bodies in memory, of requests that are not answered yet",
)

# --- tokens ----------------------------------------------------------------------------------

TOKENS_REQUESTS = _counter(
    "pushgate_tokens_requests",
    "requests",
    "Requests answered",
    route="a route of the token service, `other` for none of them",
    status="an HTTP status",
)
TOKENS_APPENDS = _counter(
    "pushgate_tokens_appends", "facts", "Facts appended to the log", type="a type of fact"
)
TOKENS_DRIFT_ROWS = _gauge(
    "pushgate_tokens_drift_rows",
    "rows",
    "Rows of the live tables that differ from the log, at the last comparison; alert on any value"
    " but 0",
)
TOKENS_DRIFT_LOOKED_SECONDS = _gauge(
    "pushgate_tokens_drift_looked_seconds",
    "seconds",
    "Unix time of the last comparison of the live tables with the log; 0 before the first",
)

# --- loader ----------------------------------------------------------------------------------

LOADER_ROWS = _counter(
    "pushgate_loader_rows",
    "rows",
    "Rows written to the destination",
)
LOADER_REJECTED = _counter(
    "pushgate_loader_rejected", "records", "Records written to `_sdc_rejected`"
)
LOADER_STALE = _counter(
    "pushgate_loader_stale",
    "records",
    "Records dropped because a later version of their table is active",
)
LOADER_LOAD_SECONDS = _histogram(
    "pushgate_loader_load_seconds",
    "seconds",
    "Duration of a load of one table, from claim to commit",
    buckets=(0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
LOADER_PENDING_BATCHES = _gauge(
    "pushgate_loader_pending_batches",
    "batches",
    "Batches that wait to be loaded, counted once per table; the same from every loader",
)
LOADER_PENDING_BYTES = _gauge(
    "pushgate_loader_pending_bytes",
    "bytes",
    "Size, as received, of the batches that wait to be loaded",
)
LOADER_PENDING_SECONDS = _gauge(
    "pushgate_loader_pending_seconds",
    "seconds",
    "Age of the oldest batch that waits to be loaded; 0 if none waits",
)
LOADER_FAILED_BATCHES = _gauge(
    "pushgate_loader_failed_batches",
    "batches",
    "Failed batches, counted once per table; they wait for an operator",
)

LOADER_DESTINATION_AWAY = _gauge(
    "pushgate_loader_destination_away",
    "none",
    "1 while this loader cannot reach the destination, otherwise 0",
)
LOADER_PUT_BACK_TABLES = _gauge(
    "pushgate_loader_put_back_tables",
    "tables",
    "Tables that this loader will try again to load: locked, no privilege, no space",
)

# --- history and the signer ------------------------------------------------------------------

SIGNER_LOG_EVENTS = _gauge(
    "pushgate_signer_log_events", "events", "Events in the log, at the signer's last check"
)
SIGNER_SIGNED_EVENTS = _gauge(
    "pushgate_signer_signed_events", "events", "Events covered by the last signed checkpoint"
)
SIGNER_LOOKED_SECONDS = _gauge(
    "pushgate_signer_looked_seconds",
    "seconds",
    "Unix time of the last check that found the log to extend the last signed checkpoint",
)
HISTORY_REQUESTS = _counter(
    "pushgate_history_requests",
    "requests",
    "Requests answered",
    route="a route of the history service",
    status="an HTTP status",
)
HISTORY_LINES = _counter(
    "pushgate_history_lines",
    "lines",
    "Events and receipts sent, one per line",
    route="a route of the history service",
)
HISTORY_STREAMS = _gauge("pushgate_history_streams", "streams", "Open event streams")
HISTORY_SEALED_RECEIPT = _gauge(
    "pushgate_history_sealed_receipt", "receipts", "Number of the last sealed receipt"
)

# --- the relay (`pushgate relay`) --------------------------------------------------------------

RELAY_REQUESTS = _gauge(
    "pushgate_relay_requests",
    "requests",
    "Requests of a relay's outbox, at the time of the scrape; `sent` since the outbox was created",
    state="`waiting`, `sent`, `held` (waiting requests with suspended delivery), `set_aside`",
)
RELAY_RECORDS = _gauge(
    "pushgate_relay_records",
    "records",
    "Records in these requests",
    state="as for `pushgate_relay_requests`",
)
RELAY_OLDEST_SECONDS = _gauge(
    "pushgate_relay_oldest_seconds",
    "seconds",
    "Age of the oldest waiting request; 0 if none waits",
)
RELAY_BYTES = _gauge("pushgate_relay_bytes", "bytes", "Disk use of a relay's outbox")
