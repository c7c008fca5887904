from events.sql_files import load_queries

# As the programs do before their loops begin: these are read from disk.
for package in (
    "events",
    "services.tokens",
    "services.tokens.web",
    "services.ingest",
    "services.journal",
):
    load_queries(package)
