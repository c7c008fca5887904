"""The loader: accepted bodies in, tables out, on a real server."""
