"""The `pushgate` command line: `commands`, and in the root what several commands use."""
