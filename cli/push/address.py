"""Where pushes go."""

from cli.errors import CommandFailed
from cli.installation import Installation
from pushgate_client.address import gate_address


def gate_of(target: Installation, given: str | None = None) -> str:
    """``given``: with ``--url``, instead of what the target knows. Raises CommandFailed."""
    try:
        return gate_address(given or target.import_url())
    except ValueError as error:
        raise CommandFailed(f"{'--url' if given else 'PUSHGATE_IMPORT_URL'}: {error}") from None
