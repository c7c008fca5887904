"""One file for each command or group of commands; each has a ``register`` function."""
