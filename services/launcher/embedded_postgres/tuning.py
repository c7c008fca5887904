"""The server's settings, given on its command line so that a new version of them just applies."""

# Each program holds a pool of at most ten; two loaders, several ingests and psql fit beside them.
CONNECTIONS_MAX = 200

SETTINGS = {
    # TCP on this machine only; a socket path has a length limit that deep directories exceed.
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": str(CONNECTIONS_MAX),
    "password_encryption": "scram-sha-256",
    # The log and the tables in use fit; the rest is better left to the system's page cache.
    "shared_buffers": "192MB",
    # Loads sort and join some ten thousand staged rows; more would multiply with connections.
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    # A burst of pushes should not force checkpoints: a gigabyte takes seconds at full rate.
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    # The wheel knows only pglz, which costs more processor than the disk it saves here.
    "wal_compression": "off",
    # Nobody replicates from or archives the embedded server.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    # Statements short enough to matter here lose more to compiling than they gain.
    "jit": "off",
    # A statement's text may hold what a person pushed; messages and codes are enough.
    "log_min_error_statement": "panic",
    # DETAIL and CONTEXT quote the row that failed.
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# Acknowledged means durable: these are the defaults, and nobody's configuration may change them.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# A throw-away server that loses its data with the machine: tests run several times faster.
TEMPORARY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


def server_arguments(*, port: int, durable: bool) -> list[str]:
    settings = SETTINGS | (DURABLE if durable else TEMPORARY) | {"port": str(port)}
    return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
