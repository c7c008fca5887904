"""The refusals of the token service. One class, one code; its docstring is its message.

The HTTP status of each is in connect_api/answers.py.
"""

from typing import ClassVar


class CommandRefused(Exception):
    """A command was refused and changed nothing. For expected errors only, never for bugs."""

    code: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(self.__doc__)

    @property
    def message(self) -> str:
        return self.__doc__ or ""


class IntegrationNotFound(CommandRefused):
    """The account has no such integration, or it was deleted."""

    code = "integration_not_found"


class _NameRefused(CommandRefused):
    def __init__(self, display_name: str, schema_name: str) -> None:
        super().__init__()
        self.display_name = display_name
        self.schema_name = schema_name


class NameTaken(_NameRefused):
    """The schema name derived from this display name is in use; choose another display name."""

    code = "name_taken"


class NameUnusable(_NameRefused):
    """The display name gives no valid schema name; use letters, digits and spaces."""

    code = "name_unusable"


class DisplayNameUnusable(CommandRefused):
    """A display name must be 1 to 255 characters on one line, not only blanks, and not a token."""

    code = "display_name_unusable"

    def __init__(self, display_name: str) -> None:
        super().__init__()
        self.display_name = display_name


class PausedAtUnusable(CommandRefused):
    """The time of a pause must be an ISO 8601 timestamp of at most 64 characters."""

    code = "paused_at_unusable"


class TokenLimitReached(CommandRefused):
    """Two tokens are active, which is the maximum; revoke one before you generate another."""

    code = "token_limit_reached"


class TokenNotFound(CommandRefused):
    """The integration has no active token with this id."""

    code = "token_not_found"


class TokenLabelUnusable(CommandRefused):
    """A token label must be at most 80 characters on one line, and not a token itself."""

    code = "token_label_unusable"


class ConnectTokenNotFound(CommandRefused):
    """The account has no active Connect token with this id."""

    code = "connect_token_not_found"


class MemberNotFound(CommandRefused):
    """The account has no such member, or no longer has."""

    code = "member_not_found"


class LastOwner(CommandRefused):
    """The account would have no owner left; make another member an owner first."""

    code = "last_owner"


class MemberLimitReached(CommandRefused):
    """An account can have at most 200 members; remove one who no longer needs access."""

    code = "member_limit_reached"


class EmailUnusable(CommandRefused):
    """An e-mail address must have a name, an @ and a host, and at most 254 characters."""

    code = "email_unusable"


class EmailTaken(CommandRefused):
    """The e-mail address is already in use in this installation."""

    code = "email_taken"


class PasswordUnusable(CommandRefused):
    """A password must have 12 to 1,024 characters; any characters are allowed."""

    code = "password_unusable"


class PasswordWrong(CommandRefused):
    """That is not your current password."""

    code = "password_wrong"


class SignInRefused(CommandRefused):
    """Incorrect e-mail address or password."""

    code = "sign_in_refused"


class TooManyAttempts(CommandRefused):
    """Too many attempts; wait a minute, or ask an account owner for a one-time link."""

    code = "too_many_attempts"


class LinkUnknown(CommandRefused):
    """The link was used, has expired or never existed; ask an account owner for a new one."""

    code = "link_unknown"


class ForeignForm(CommandRefused):
    """The form does not belong to this session; reload the page and submit it again."""

    code = "foreign_form"


class FormUsed(CommandRefused):
    """The form was submitted before; it was not executed a second time."""

    code = "form_used"


class AccountNotFound(CommandRefused):
    """The account does not exist."""

    code = "account_not_found"


class AccountNameUnusable(CommandRefused):
    """An account name must be 1 to 200 characters on one line, not only blanks."""

    code = "account_name_unusable"


class RoleForbids(CommandRefused):
    """Your role does not permit this: members manage integrations, auditors only read."""

    code = "role_forbids"


class Busy(CommandRefused):
    """The service is busy; try again in a few seconds."""

    code = "busy"


class DatabaseUnavailable(CommandRefused):
    """The database is unavailable and the outcome is unknown; check it before you retry."""

    code = "database_away"


class WritesHalted(CommandRefused):
    """The log contradicts its last signed checkpoint; no changes until an operator resolves it."""

    code = "log_halted"
