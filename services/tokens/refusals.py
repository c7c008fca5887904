"""What the token service says no to. One class, one code; its docstring is its message.

How each is answered over HTTP stands beside the routes, in connect_answers.py.
"""

from typing import ClassVar


class CommandRefused(Exception):
    """Nothing was changed. Raised for expected no's only; a bug raises something else."""

    code: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(self.__doc__)

    @property
    def message(self) -> str:
        return self.__doc__ or ""


class IntegrationNotFound(CommandRefused):
    """There is no such integration in this account, or it was deleted."""

    code = "integration_not_found"


class _NameRefused(CommandRefused):
    def __init__(self, display_name: str, schema_name: str) -> None:
        super().__init__()
        self.display_name = display_name
        self.schema_name = schema_name


class NameTaken(_NameRefused):
    """The schema name that the display name leads to is in use; choose another display name."""

    code = "name_taken"


class NameUnusable(_NameRefused):
    """No usable schema name follows from this display name; take letters, digits and spaces."""

    code = "name_unusable"


class DisplayNameUnusable(CommandRefused):
    """A display name is 1 to 255 characters on one line, not all of them blank, and no token."""

    code = "display_name_unusable"

    def __init__(self, display_name: str) -> None:
        super().__init__()
        self.display_name = display_name


class PausedAtUnusable(CommandRefused):
    """The time of a pause is an ISO 8601 timestamp of at most 64 characters."""

    code = "paused_at_unusable"


class TokenLimitReached(CommandRefused):
    """Two tokens are active, which is the most; revoke one before generating another."""

    code = "token_limit_reached"


class TokenNotFound(CommandRefused):
    """The integration has no active token with this id."""

    code = "token_not_found"


class TokenLabelUnusable(CommandRefused):
    """A token's label is at most 80 characters on one line, and no token itself."""

    code = "token_label_unusable"


class ConnectTokenNotFound(CommandRefused):
    """The account has no active Connect token with this id."""

    code = "connect_token_not_found"


class MemberNotFound(CommandRefused):
    """The account has no such member, or has no longer."""

    code = "member_not_found"


class LastOwner(CommandRefused):
    """The account would have no owner left: make somebody else an owner first."""

    code = "last_owner"


class MemberLimitReached(CommandRefused):
    """An account has at most 200 members; remove one who no longer needs to sign in."""

    code = "member_limit_reached"


class EmailUnusable(CommandRefused):
    """An e-mail address has a name, an @ and a host, and 254 characters at most."""

    code = "email_unusable"


class EmailTaken(CommandRefused):
    """Somebody of this installation has this e-mail address already."""

    code = "email_taken"


class PasswordUnusable(CommandRefused):
    """A password has 12 to 1,024 characters; any of them, and no other rule."""

    code = "password_unusable"


class PasswordWrong(CommandRefused):
    """That is not your present password."""

    code = "password_wrong"


class SignInRefused(CommandRefused):
    """The e-mail address and the password do not belong together, or nobody has them here."""

    code = "sign_in_refused"


class TooManyAttempts(CommandRefused):
    """Too many attempts from here; wait a minute, or ask an owner for a one-time link."""

    code = "too_many_attempts"


class LinkUnknown(CommandRefused):
    """The link was used, has expired, or never was; ask an owner for a new one."""

    code = "link_unknown"


class ForeignForm(CommandRefused):
    """The form was not made for this session; open the page again, then send it once more."""

    code = "foreign_form"


class FormUsed(CommandRefused):
    """The form was sent before and carried out then; it was not done a second time."""

    code = "form_used"


class AccountNotFound(CommandRefused):
    """There is no such account."""

    code = "account_not_found"


class AccountNameUnusable(CommandRefused):
    """An account's name is 1 to 200 characters on one line, not all of them blank."""

    code = "account_name_unusable"


class RoleForbids(CommandRefused):
    """The Connect token's role forbids that: members manage integrations, auditors only read."""

    code = "role_forbids"


class Busy(CommandRefused):
    """Too many others write at this moment; try again in a few seconds."""

    code = "busy"


class DatabaseUnavailable(CommandRefused):
    """The database does not answer, so it is not known whether this was done; look, try again."""

    code = "database_away"


class WritesHalted(CommandRefused):
    """The log contradicts its last signed checkpoint; until that is settled it takes nothing."""

    code = "log_halted"
