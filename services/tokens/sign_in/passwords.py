"""Passwords: validation, and argon2 hashing in threads with limited concurrency."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.tokens.limits import (
    CONCURRENT_PASSWORD_HASHES_MAX,
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
    QUEUED_PASSWORD_HASHES_MAX,
)
from services.tokens.refusals import Busy, PasswordUnusable

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True, slots=True)
class HashCost:
    """The cost of one hash. Each concurrent hash takes this much memory."""

    memory_kib: int
    passes: int


def require_valid_password(password: str) -> None:
    """Checks the length only. Raises PasswordUnusable."""
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise PasswordUnusable


class Passwords:
    """One for a process."""

    def __init__(self, cost: HashCost) -> None:
        self._hasher = PasswordHasher(
            time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=1
        )
        self._hashing_slots = asyncio.Semaphore(CONCURRENT_PASSWORD_HASHES_MAX)
        self._callers = 0
        self._decoy_hash: str | None = None

    @contextlib.contextmanager
    def queue_slot(self) -> Iterator[None]:
        """Held by one caller while it waits and hashes. Raises Busy when all are taken."""
        if self._callers >= CONCURRENT_PASSWORD_HASHES_MAX + QUEUED_PASSWORD_HASHES_MAX:
            raise Busy
        self._callers += 1
        try:
            yield
        finally:
            self._callers -= 1

    async def hash(self, password: str) -> str:
        return await self._in_a_thread(lambda: self._hasher.hash(password))

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """False after the same work when there is no hash, so that timing reveals nothing."""
        if self._decoy_hash is None:
            self._decoy_hash = await self.hash("the password of no account")
        against = password_hash or self._decoy_hash
        # No stored password is longer; hashing the rest would be wasted work.
        shortened = password[:PASSWORD_CHARACTERS_MAX]
        matches = await self._in_a_thread(lambda: self._verified(against, shortened))
        return matches and password_hash is not None and shortened == password

    def _verified(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_a_thread(self, work: Callable[[], ResultT]) -> ResultT:
        async with self._hashing_slots:
            return await asyncio.to_thread(work)
