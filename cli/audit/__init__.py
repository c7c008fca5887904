"""The `pushgate audit` commands: options and output. The work is done by the package `audit`."""
