from typing import NamedTuple


class Made(NamedTuple):
    """An integration of one test alone; ``name`` is its display name and its schema's."""

    id: int
    name: str
    token_id: int
    token: str
