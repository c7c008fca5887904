"""The web pages: HTML rendered on the server, over the same use cases as the Connect API."""
