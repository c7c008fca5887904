"""Which table is loaded next, what is prefetched, and what happens when a load fails."""
