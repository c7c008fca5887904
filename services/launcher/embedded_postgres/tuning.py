"""The server's settings, passed on its command line so that an upgrade applies them."""

# Each program has a pool of at most ten; two loaders, several ingests and psql fit as well.
CONNECTIONS_MAX = 200

SETTINGS = {
    # TCP on this machine only: deep directories exceed the length limit of a socket's path.
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": str(CONNECTIONS_MAX),
    "password_encryption": "scram-sha-256",
    # The log and the tables in use fit; the system's page cache does better for the rest.
    "shared_buffers": "192MB",
    # Loads sort and join about ten thousand staged rows; every connection may use this much.
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    # A burst of pushes must not force checkpoints: a gigabyte takes seconds at full rate.
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    # The wheel only has pglz, which costs more CPU time than it saves in disk writes.
    "wal_compression": "off",
    # The embedded server has no replicas and no archive.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    # Compiling costs more than it saves for statements this short.
    "jit": "off",
    # A statement's text may hold pushed data; messages and codes are enough.
    "log_min_error_statement": "panic",
    # DETAIL and CONTEXT quote the row that failed.
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# Acknowledged means durable: these are the defaults, and no configuration may change them.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# A temporary server may lose its data in a crash: tests run several times faster.
TEMPORARY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


def server_arguments(*, port: int, durable: bool) -> list[str]:
    settings = SETTINGS | (DURABLE if durable else TEMPORARY) | {"port": str(port)}
    return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
