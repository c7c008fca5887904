"""The person's door: server-drawn pages over the same use cases as the Connect API."""
