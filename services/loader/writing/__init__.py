"""One load: the destination's transaction, from the lock to the commit."""
