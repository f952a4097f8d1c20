"""What a request to each API of a target showed, for the command `check`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ..cloud.session import Session
from ..deadline import Deadline
from ..errors import Failure


_REQUEST_SECONDS: Final = 20.0


def briefly(session: Session) -> Session:
    """Return a session for one request, which leaves time for others if it hangs."""
    seconds = min(_REQUEST_SECONDS, session.deadline.remaining)
    return replace(session, deadline=Deadline(seconds))


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem, with advice, and the request that failed, if it was one."""

    problem: str
    advice: str
    request: str = ""
    consequence: str = ""
    """What the exporter does about it, if anything."""

    @classmethod
    def of(cls, failure: Failure) -> Problem:
        """Return a failure as a problem."""
        return cls(
            failure.problem, failure.advice, failure.request, failure.consequence
        )

    @property
    def explanation(self) -> str:
        """The problem, and its consequence in parentheses."""
        return self.problem + (f" ({self.consequence})" if self.consequence else "")

    def followed_by(self, consequence: str) -> Problem:
        """Return this problem with a consequence."""
        return replace(self, consequence=consequence)


@dataclass(frozen=True, slots=True)
class MissingPart:
    """What could not be asked for beside the objects, and why."""

    name: str
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """
    What was found. With a `failure`, `number` means nothing.

    `page_size` is the one that the API accepts, in words; None if it was not found out,
    or there are no pages. With a `problem`, the target cannot stay configured as it is;
    `note` is its short form, beside the number.
    """

    number: int = 0
    page_size: str | None = None
    failure: Failure | None = None
    missing: tuple[MissingPart, ...] = ()
    problem: Problem | None = None
    note: str = ""
