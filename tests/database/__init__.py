"""The tests' database: a server for the run, a migrated template, a clone for each test."""
