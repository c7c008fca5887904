"""The loader: accepted bodies in, tables out, with a real PostgreSQL."""
