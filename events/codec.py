"""Encode and decode facts as the ``data`` member of a stored event.

The text is compact JSON with the members in the order of the class. It is hashed and signed, so the
same fact must always give the same bytes. A second version of a fact is stored as ``Name.v2``, with
a class of its own and an upcast here from the version before it.
"""

from dataclasses import asdict, fields
from typing import Any

import orjson

from events.catalogue import CLASS_OF, NAME_OF
from events.errors import CorruptFact, UnknownFact
from events.types import Fact


def encode(fact: Fact) -> tuple[str, str]:
    """The stored type name and the JSON text of ``data``."""
    return NAME_OF[type(fact)], orjson.dumps(asdict(fact)).decode()


def decode(name: str, data: str | bytes | dict[str, Any]) -> Fact:
    """Raises UnknownFact for the type of a newer version, CorruptFact for unexpected members."""
    cls = CLASS_OF.get(name)
    if cls is None:
        raise UnknownFact(name)
    members = data if isinstance(data, dict) else orjson.loads(data)
    if set(members) != {field.name for field in fields(cls)}:
        raise CorruptFact(f"{name} holds {sorted(members)}")
    return cls(**members)
