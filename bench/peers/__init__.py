"""Other loaders, each in an environment of its own, none of them imported by us."""
