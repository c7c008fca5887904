"""The commands about tokens."""

from cli.frame import Subparsers, add_group
from cli.programs import add_program


def register(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "tokens", summary="tokens that may push, and their service")
    add_program(group, "serve", "services.tokens", summary="serve the Connect API and the pages")
