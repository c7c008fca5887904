"""Accepted bodies as rows by column: parsed, flattened and converted."""
