"""Settings: read once in ``__main__`` from the environment into frozen values."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, ClassVar, Protocol, TypeVar, get_type_hints


class Secret:
    """A text that prints as stars; ``reveal()`` is written out wherever it is really needed."""

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
    """All that is wrong with the settings, at once, one sentence each."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


SettingsT = TypeVar("SettingsT", bound=_Dataclass)


def read_settings(cls: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """One ``PUSHGATE_<FIELD>`` for each field of a flat, frozen dataclass.

    Fields are ``str``, ``int``, ``float``, ``bool``, ``Secret`` or one of them ``| None``; an
    empty variable counts as absent. ``metadata={"at_least": n, "at_most": m}`` bounds a number.
    Raises BadSettings with a sentence for each problem.
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


_TRUTHS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _parse(name: str, text: str, hint: Any, field: Field[Any]) -> Any:
    kinds = {str, int, float, bool, Secret} & set(getattr(hint, "__args__", (hint,)))
    (kind,) = kinds
    if kind is bool:
        if text.lower() not in _TRUTHS:
            raise ValueError(f"{name} must be 1 or 0, got {text!r}")
        return _TRUTHS[text.lower()]
    if kind not in (int, float):
        return kind(text)
    try:
        number = kind(text)
    except ValueError:
        raise ValueError(f"{name} must be a number, got {text!r}") from None
    at_least, at_most = field.metadata.get("at_least"), field.metadata.get("at_most")
    if at_least is not None and number < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {text}")
    if at_most is not None and number > at_most:
        raise ValueError(f"{name} must be at most {at_most}, got {text}")
    return number
