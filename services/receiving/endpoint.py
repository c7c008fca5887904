"""The three import endpoints of the wire contract (E2 to E4), which ingest and the relay serve."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from protocol.media_types import JSON, PUSH_TYPES
from protocol.refusals import Refusal
from protocol.refusals.edge import BatchMediaTypeRefused, PushMediaTypeRefused

EndpointName: TypeAlias = Literal["push", "batch", "validate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """``status`` and ``body`` are the response to a valid request.

    ``stores``: whether a valid request is stored; ``validate`` only reports whether it is valid.
    """

    name: EndpointName
    media_types: frozenset[str]
    media_type_refused: Callable[[str], Refusal]
    status: int
    body: bytes
    stores: bool

    @property
    def path(self) -> str:
        return f"/v2/import/{self.name}"

    def check_media_type(self, essence: str) -> None:
        """Raises the endpoint's refusal unless it accepts this media type.

        ``essence`` is the Content-Type in lower case without parameters.
        """
        if essence not in self.media_types:
            raise self.media_type_refused(essence)


_ACCEPTED = b'{"status":"OK","message":"Batch Accepted!"}'

PUSH = Endpoint(
    name="push",
    media_types=PUSH_TYPES,
    media_type_refused=PushMediaTypeRefused,
    status=201,
    body=_ACCEPTED,
    stores=True,
)
BATCH = Endpoint(
    name="batch",
    media_types=frozenset({JSON}),
    media_type_refused=lambda _: BatchMediaTypeRefused(),
    status=201,
    body=_ACCEPTED,
    stores=True,
)
VALIDATE = Endpoint(
    name="validate",
    media_types=PUSH_TYPES,
    media_type_refused=PushMediaTypeRefused,
    status=200,
    body=b'{"status":"OK","message":"Batch is valid!"}',
    stores=False,
)
