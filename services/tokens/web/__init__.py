"""The person's door: server-drawn pages over the same handlers as the Connect API."""
