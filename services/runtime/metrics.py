"""Every metric of every program: name, kind, unit and meaning in one place."""

from prometheus_client import Counter, Gauge, Histogram

# --- ingest ----------------------------------------------------------------------------------

INGEST_REQUESTS = Counter(
    "pushgate_ingest_requests", "Requests answered, by endpoint and status", ["endpoint", "status"]
)
INGEST_REFUSALS = Counter(
    "pushgate_ingest_refusals", "Requests refused, by reason (a closed list)", ["reason"]
)
INGEST_RECORDS = Counter("pushgate_ingest_records", "Records accepted")
INGEST_GROUP_REQUESTS = Histogram(
    "pushgate_ingest_group_requests",
    "Requests in one group transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
INGEST_COMMIT_SECONDS = Histogram(
    "pushgate_ingest_commit_seconds",
    "From opening a group's transaction to its commit",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
INGEST_IN_FLIGHT_BYTES = Gauge(
    "pushgate_ingest_in_flight_bytes", "Bytes of request bodies in memory, answered ones excluded"
)

# --- tokens ----------------------------------------------------------------------------------

TOKENS_REQUESTS = Counter(
    "pushgate_tokens_requests", "Requests answered, by route and status", ["route", "status"]
)
TOKENS_APPENDS = Counter("pushgate_tokens_appends", "Facts appended, by type", ["type"])

# --- loader ----------------------------------------------------------------------------------

LOADER_ROWS = Counter("pushgate_loader_rows", "Rows written to the destination")
LOADER_REJECTED = Counter("pushgate_loader_rejected", "Records put into _sdc_rejected")
LOADER_LOAD_SECONDS = Histogram(
    "pushgate_loader_load_seconds",
    "One load of one table, from claim to commit",
    buckets=(0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
LOADER_PENDING_BATCHES = Gauge(
    "pushgate_loader_pending_batches", "Batches that wait for the loader"
)
