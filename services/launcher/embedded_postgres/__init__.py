"""A real PostgreSQL from a wheel, for laptops and tests.

Only the wheel's binaries are used. The entry point is ``server.start_server``.
"""
