"""Settings: read from the environment once, in ``__main__``, into frozen values."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, ClassVar, Protocol, TypeVar, get_type_hints


class Secret:
    """A text that prints as asterisks; call ``reveal()`` only where the text itself is needed."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(****)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class BadSettings(Exception):
    """All problems of the settings, one sentence each."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


SettingsT = TypeVar("SettingsT", bound=_Dataclass)


def read_settings(cls: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """One ``PUSHGATE_<FIELD>`` for each field of a flat, frozen dataclass.

    Fields are ``str``, ``int``, ``float``, ``bool``, ``Secret`` or one of them ``| None``; an
    empty variable counts as absent. ``metadata={"at_least": n, "at_most": m}`` limits a number,
    and a field named ``…port`` is a port number. Raises BadSettings with one sentence per problem.
    """
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in fields(cls):
        name = f"PUSHGATE_{field.name.upper()}"
        text = environ.get(name, "")
        if not text:
            if field.default is MISSING and field.default_factory is MISSING:
                problems.append(f"{name} is not set, and there is no default for it")
            continue
        try:
            values[field.name] = _parse(name, text, hints[field.name], field)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise BadSettings(problems)
    return cls(**values)


_PORT_LIMITS = {"at_least": 0, "at_most": 65_535}
_BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _parse(name: str, text: str, hint: Any, field: Field[Any]) -> Any:
    kinds = {str, int, float, bool, Secret} & set(getattr(hint, "__args__", (hint,)))
    (kind,) = kinds
    if kind in (int, float):
        limits = _PORT_LIMITS if field.name.endswith("port") else field.metadata
        return _number(name, text, kind, limits)
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise ValueError(f"{name} must be 1 or 0, got {text!r}")
        return _BOOLEANS[text.lower()]
    return kind(text)


def _number(
    name: str, text: str, kind: type[int | float], limits: Mapping[str, float]
) -> int | float:
    try:
        number = kind(text)
    except ValueError:
        must_be = "a whole number" if kind is int else "a number"
        raise ValueError(f"{name} must be {must_be}, got {text!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {text!r}")
    at_least, at_most = limits.get("at_least"), limits.get("at_most")
    if at_least is not None and number < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {text}")
    if at_most is not None and number > at_most:
        raise ValueError(f"{name} must be at most {at_most}, got {text}")
    return number
