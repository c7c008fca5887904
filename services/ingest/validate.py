"""``POST /v2/import/validate`` (wire contract E4): a push's checks and errors, nothing stored.

It never answers 503 because the store is away: then the mirror decides about the token, and where
that has none of it and is not whole, the request is judged on its own merits. Nothing comes in by
this answer.
"""

from services.ingest.admission import admit
from services.ingest.intake import Intake, ParsedRequest
from services.ingest.push import push_media_type
from services.runtime.metrics import INGEST_REQUESTS

_VALID = INGEST_REQUESTS.labels("validate", "200")


class ValidateIntake(Intake):
    name = "validate"
    status = 200
    stores = False
    good = b'{"status":"OK","message":"Batch is valid!"}'

    def media_type(self, essence: str) -> str:
        return push_media_type(essence)

    async def handle(self, parsed: ParsedRequest) -> None:
        if refusal := admit(await parsed.token.look_up(), parsed.validated):
            raise refusal
        _VALID.inc()
