"""What a caller of intake can meet. The docstring is the message."""

from __future__ import annotations

from chassis.problems import Fault, Problem


class RevisionMissing(Fault):
    """Name the revision that you read: send its ETag as If-Match."""


class RevisionPassed(Fault):
    """The filing has another revision by now. Read it again, then repeat the change with its ETag as If-Match."""


class NotPossibleNow(Fault):
    """The case is in a state in which this is not possible any more; `case_status` names it."""


class TooManyRevisions(Fault):
    """This case was filed as often as a case can be; `limit` says how often. Withdraw it and apply anew."""


class TooManyUnsent(Fault):
    """Events wait to be sent. Nothing was stored; try again after the time in Retry-After."""


class Erased(Fault):
    """The personal data of this case were erased. Use a new Idempotency-Key for a new application."""


PROBLEMS: dict[type[Exception], Problem] = {
    RevisionMissing: Problem(428, "if-match-required"),
    RevisionPassed: Problem(412, "revision-passed"),
    NotPossibleNow: Problem(409, "not-possible-now"),
    TooManyRevisions: Problem(409, "too-many-revisions"),
    TooManyUnsent: Problem(503, "too-many-unsent-events", {"Retry-After": "5"}),
    Erased: Problem(410, "erased"),
}
