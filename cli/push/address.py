"""Where pushes go."""

from cli.errors import Refused
from cli.installation import Target
from pushgate_client.address import gate_address


def gate_of(target: Target, given: str | None = None) -> str:
    """``given``: with ``--url``, instead of what the target knows. Raises Refused."""
    try:
        return gate_address(given or target.import_url())
    except ValueError as error:
        raise Refused(f"{'--url' if given else 'PUSHGATE_IMPORT_URL'}: {error}") from None
