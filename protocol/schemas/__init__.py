"""The JSON Schema of a batch: read strictly, compiled once, applied to all records in one call.

``dialect`` reads what a client sent, ``cost`` bounds what it may make us do, ``compiled`` keeps
the result, ``violations`` says what is wrong with a record.
"""
