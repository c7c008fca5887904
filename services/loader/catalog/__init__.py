"""The SQL of the loader's bookkeeping in the destination: schema ``_pushgate``."""
