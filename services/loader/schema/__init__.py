"""Names, column kinds and table plans. Pure."""
