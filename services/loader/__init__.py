"""Loads accepted batches into tables of the destination."""
