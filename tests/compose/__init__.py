"""The compose file as a user runs it, and everything in it killed once. See ``__main__``."""
