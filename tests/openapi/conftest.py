from events.queries import load_queries

# As the programs do before their loops begin: these are read from disk.
for package in ("events", "services.tokens", "services.tokens.pages", "services.ingest"):
    load_queries(package)
