"""The loader's own schema in the destination, ``_pushgate``, and the connection to it."""
