"""Taking an offer: into the next group, answered when that is durable."""

from typing import ClassVar

from protocol.refusals.edge import NotAuthorized
from services.ingest.commit.columns import Candidate, EndpointName
from services.ingest.commit.committer import GroupCommitter
from services.ingest.idempotency import idempotency_key_of
from services.ingest.intake import IngestServices, Intake, ParsedRequest
from services.ingest.token_cache.lookup import TokenLookup
from services.journal.bodies import encode_body
from services.runtime.http import caller_address, given_request_id


class StoringIntake(Intake):
    """Push and batch. A good request costs no statement of its own: its group decides."""

    status = 201
    good = b'{"status":"OK","message":"Batch Accepted!"}'
    endpoint: ClassVar[EndpointName]

    def __init__(
        self,
        services: IngestServices,
        tokens: TokenLookup,
        committer: GroupCommitter,
        *,
        repeat_seconds: int,
    ) -> None:
        super().__init__(services, tokens)
        self._committer = committer
        self._repeat_seconds = repeat_seconds
        self._behind_proxy = services.behind_proxy

    async def handle(self, parsed: ParsedRequest) -> None:
        request = parsed.request
        encoded = parsed.encoded or encode_body(parsed.body)
        # In the order of its fields: naming ten of them costs more than all else here.
        candidate = Candidate(
            parsed.token.hash,
            self.endpoint,
            parsed.validated,
            parsed.media_type,
            encoded.compressed,
            len(parsed.body),
            encoded.sha256,
            caller_address(request, behind_proxy=self._behind_proxy),
            given_request_id(request),
            idempotency_key_of(
                request.headers.get("Idempotency-Key", "").strip(),
                append_only=parsed.validated.append_only,
                body_sha256=encoded.sha256,
                ttl_seconds=self._repeat_seconds,
            ),
        )
        refusal = await self._committer.commit(candidate)
        if isinstance(refusal, NotAuthorized):
            await parsed.token.look_up_missing()
        if refusal is not None:
            raise refusal
