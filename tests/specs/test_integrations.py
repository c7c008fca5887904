import pytest

from events.ids import AccountId, IntegrationId
from events.types import (
    IntegrationCreated,
    IntegrationDeleted,
    IntegrationPaused,
    IntegrationRenamed,
    IntegrationResumed,
)
from services.tokens.domain.commands import (
    CreateIntegration,
    DeleteIntegration,
    PauseIntegration,
    RenameIntegration,
    ResumeIntegration,
)
from services.tokens.refusals import (
    DisplayNameUnusable,
    IntegrationNotFound,
    NameUnusable,
    PausedAtUnusable,
)
from tests.specs.scenario import given

CREATED = IntegrationCreated(
    integration_id=12, account_id=7, display_name="Import API", schema_name="import_api"
)
PAUSED = IntegrationPaused(paused_at="2019-06-01T00:00:00Z")
RESUMED = IntegrationResumed()
RENAMED = IntegrationRenamed(display_name="New")
DELETED = IntegrationDeleted()

PAUSE = PauseIntegration(paused_at="2019-06-01T00:00:00Z")
RESUME = ResumeIntegration()
RENAME = RenameIntegration(display_name="New")
DELETE = DeleteIntegration()


def create(display_name: str) -> CreateIntegration:
    return CreateIntegration(
        integration_id=IntegrationId(12), account_id=AccountId(7), display_name=display_name
    )


def test_creating_derives_the_schema_name() -> None:
    given([]).when(create("Import API")).then(CREATED)


@pytest.mark.parametrize(
    "display_name",
    ["####", "9 lives", "Public", "pg_x", "PG X", "information schema", "_pushgate", "x" * 50],
)
def test_a_name_that_no_schema_can_have_is_refused(display_name: str) -> None:
    given([]).when(create(display_name)).then_refused(NameUnusable)


@pytest.mark.parametrize(
    "display_name", ["a\x00b", "a\nb", "a\u2028b", "a" + "!" * 300, "a\u202eb", "a\u2067b"]
)
def test_a_name_that_cannot_be_shown_is_refused(display_name: str) -> None:
    given([]).when(create(display_name)).then_refused(NameUnusable)


def test_a_schema_called_ledger_is_nothing_special() -> None:
    """The destination is a database of its own, so our schemas' names are free there."""
    expected = IntegrationCreated(
        integration_id=12, account_id=7, display_name="Ledger", schema_name="ledger"
    )

    given([]).when(create("Ledger")).then(expected)


@pytest.mark.parametrize("display_name", [" \u200b", "\u200d\u2060", "\u202eyliad deppihs"])
def test_a_name_that_nobody_sees_or_that_turns_a_sentence_is_refused(display_name: str) -> None:
    command = RenameIntegration(display_name=display_name)

    given([CREATED]).when(command).then_refused(DisplayNameUnusable)


@pytest.mark.parametrize("display_name", ["متجر", "חנות 1", "👩‍👩‍👧", "a\u0301"])
def test_a_name_in_any_script_is_kept(display_name: str) -> None:
    command = RenameIntegration(display_name=display_name)

    given([CREATED]).when(command).then(IntegrationRenamed(display_name=display_name))


def test_renaming_keeps_the_schema_name() -> None:
    given([CREATED]).when(RENAME).then(RENAMED)


def test_renaming_to_the_same_name_changes_nothing() -> None:
    given([CREATED, RENAMED]).when(RENAME).then_nothing_happens()


@pytest.mark.parametrize("display_name", ["", "  ", "a\x00b", "x" * 256])
def test_renaming_to_what_cannot_be_shown_is_refused(display_name: str) -> None:
    given([CREATED]).when(RenameIntegration(display_name=display_name)).then_refused(
        DisplayNameUnusable
    )


def test_an_active_integration_can_be_paused() -> None:
    given([CREATED]).when(PAUSE).then(PAUSED)


def test_pausing_again_at_the_same_time_changes_nothing() -> None:
    given([CREATED, PAUSED]).when(PAUSE).then_nothing_happens()


def test_another_time_for_a_pause_is_a_new_fact() -> None:
    given([CREATED, PAUSED]).when(PauseIntegration(paused_at="2030-01-01")).then(
        IntegrationPaused(paused_at="2030-01-01")
    )


@pytest.mark.parametrize(
    "text",
    [
        "2019-06-01T00:00:00Z",
        "2019-06-01t00:00:00z",
        "2019-06-01T00:00:00.123456789+02:00",
        "20190601T000000Z",
        "2019-W22-6",
        "2999-12-31",
    ],
)
def test_any_iso_8601_timestamp_pauses_and_is_kept_as_given(text: str) -> None:
    given([CREATED]).when(PauseIntegration(paused_at=text)).then(IntegrationPaused(paused_at=text))


@pytest.mark.parametrize(
    "text",
    ["", "now", "2019-13-01", "2019-06-01x00:00", "2019-06-01T00:00\x00", "1" * 65, "\uff12019"],
)
def test_what_is_no_timestamp_does_not_pause(text: str) -> None:
    given([CREATED]).when(PauseIntegration(paused_at=text)).then_refused(PausedAtUnusable)


def test_a_paused_integration_can_be_resumed() -> None:
    given([CREATED, PAUSED]).when(RESUME).then(RESUMED)


def test_resuming_an_active_integration_changes_nothing() -> None:
    given([CREATED]).when(RESUME).then_nothing_happens()


def test_after_a_resume_the_same_pause_is_a_fact_again() -> None:
    given([CREATED, PAUSED, RESUMED]).when(PAUSE).then(PAUSED)


def test_renaming_and_pausing_go_together() -> None:
    given([CREATED]).when(RENAME, PAUSE).then(RENAMED, PAUSED)


def test_one_refused_command_refuses_those_with_it() -> None:
    given([CREATED]).when(RENAME, PauseIntegration(paused_at="later")).then_refused(
        PausedAtUnusable
    )


def test_an_integration_can_be_deleted() -> None:
    given([CREATED, PAUSED]).when(DELETE).then(DELETED)


def test_deleting_again_changes_nothing() -> None:
    given([CREATED, DELETED]).when(DELETE).then_nothing_happens()


@pytest.mark.parametrize("command", [RENAME, PAUSE, RESUME])
def test_a_deleted_integration_does_not_change(command: object) -> None:
    given([CREATED, DELETED]).when(command).then_refused(IntegrationNotFound)


@pytest.mark.parametrize("command", [RENAME, PAUSE, RESUME, DELETE])
def test_what_never_was_does_not_change(command: object) -> None:
    given([]).when(command).then_refused(IntegrationNotFound)
