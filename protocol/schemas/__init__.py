"""The JSON Schema of a batch: normalised, compiled once, applied to all records in one call.

``normalise`` reads the schema of the client, ``cost`` bounds the cost of applying it, ``compiled``
caches the result, ``explanation`` and ``violations`` describe why a record does not conform.
"""
