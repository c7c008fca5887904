"""A real PostgreSQL from a wheel, for a laptop and for tests.

Only the wheel's binaries are used. ``server.start`` is the way in.
"""
