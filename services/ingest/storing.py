"""Taking an offer: into the next group, answered when that is durable."""

from typing import ClassVar

from protocol.refusals.edge import NotAuthorized
from services.ingest.intake import Gate, Intake, Offer
from services.ingest.journal.bodies import keep
from services.ingest.journal.group import Candidate, Endpoint
from services.ingest.journal.writer import GroupCommitter
from services.ingest.repeats import repeatable
from services.ingest.token_lookup import TokenLookup


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

    async def settle(self, offer: Offer) -> None:
        kept = offer.kept or keep(offer.body)
        candidate = Candidate(
            token_hash=offer.token.hash,
            endpoint=self.endpoint,
            checked=offer.checked,
            media_type=offer.media_type,
            body=kept.body,
            body_bytes=len(offer.body),
            body_sha256=kept.sha256,
            peer=offer.peer,
            request_id=offer.request_id,
            repeatable=repeatable(
                offer.idempotency_key,
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
