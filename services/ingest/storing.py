"""Taking an offer: into the next group, answered when that is durable."""

from typing import ClassVar

from protocol.refusals.edge import NotAuthorized
from services.ingest.commit.columns import Candidate, Endpoint
from services.ingest.commit.committer import GroupCommitter
from services.ingest.idempotency import repeatable
from services.ingest.intake import Gate, Intake, Offer
from services.ingest.token_cache.lookup import TokenLookup
from services.journal.bodies import encode_body
from services.runtime.http import caller_address, given_request_id


class StoringIntake(Intake):
    """Push and batch. A good request costs no statement of its own: its group decides."""

    status = 201
    good = b'{"status":"OK","message":"Batch Accepted!"}'
    endpoint: ClassVar[Endpoint]

    def __init__(
        self,
        gate: Gate,
        tokens: TokenLookup,
        committer: GroupCommitter,
        *,
        repeat_seconds: int,
    ) -> None:
        super().__init__(gate, tokens)
        self._committer = committer
        self._repeat_seconds = repeat_seconds
        self._behind_proxy = gate.behind_proxy

    async def settle(self, offer: Offer) -> None:
        request = offer.request
        kept = offer.kept or encode_body(offer.body)
        # In the order of its fields: naming ten of them costs more than all else here.
        candidate = Candidate(
            offer.token.hash,
            self.endpoint,
            offer.checked,
            offer.media_type,
            kept.compressed,
            len(offer.body),
            kept.sha256,
            caller_address(request, behind_proxy=self._behind_proxy),
            given_request_id(request),
            repeatable(
                request.headers.get("Idempotency-Key", "").strip(),
                append_only=offer.checked.append_only,
                body_sha256=kept.sha256,
                keep_seconds=self._repeat_seconds,
            ),
        )
        refusal = await self._committer.commit(candidate)
        if isinstance(refusal, NotAuthorized):
            await offer.token.found_gone()
        if refusal is not None:
            raise refusal
