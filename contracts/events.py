"""The events of the four services, as they cross a border.

An event carries an allow-list of fields and no direct identifier: no name, birth date, document, certificate or
employer number, contact, free text or file. Readers ignore fields they do not know; inside a major version fields
are only added, with a default. Months are `YYYY-MM`, days `YYYY-MM-DD`, work is [from, to) in months.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Day = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class Growing(StrEnum):
    """An enumeration that may grow: a value of tomorrow is read as OTHER today."""

    @classmethod
    def _missing_(cls, value: object) -> Self:
        return cls("other")


class Road(Growing):
    ORDINARY = "ordinary"
    OVERSEAS = "overseas"
    COMPETITION = "competition"
    OTHER = "other"


class Level(Growing):
    TECHNICIAN = "technician"
    ASSISTANT = "assistant"
    INTERMEDIATE = "intermediate"
    ASSOCIATE_SENIOR = "associate_senior"
    SENIOR = "senior"
    OTHER = "other"


class Degree(Growing):
    SECONDARY_VOCATIONAL = "secondary-vocational"
    COLLEGE = "college"
    BACHELOR = "bachelor"
    SECOND_BACHELOR = "second-bachelor"
    MASTER = "master"
    DOCTORATE = "doctorate"
    OTHER = "other"


class DegreeField(Growing):
    SCIENCE = "science"
    ENGINEERING = "engineering"
    MEDICINE = "medicine"
    ACCOUNTING = "accounting"
    FINANCE = "finance"
    ECONOMICS = "economics"
    MANAGEMENT = "management"
    LAW = "law"
    ARTS = "arts"
    OTHER = "other"


class EmployerKind(Growing):
    COMPANY = "company"
    SOCIAL_ORGANISATION = "social-organisation"
    INDIVIDUAL_BUSINESS = "individual-business"
    PUBLIC_INSTITUTION = "public-institution"
    OTHER = "other"


class Role(Growing):
    TECHNICAL_LEAD = "technical-lead"
    PROJECT_LEAD = "project-lead"
    CORE_MEMBER = "core-member"
    MEMBER = "member"
    OTHER = "other"


class Status(StrEnum):
    """What a road is for this person now."""

    OPEN = "open"
    OPEN_IF = "open-if"  # open once every condition is met
    CLOSED = "closed"  # the rules of this road, as they stand, do not admit the person; never a refusal of a title
    NOT_KNOWN = "not-known"  # our data do not say


class Because(Growing):
    FILED = "filed"
    AMENDED = "amended"
    RESULT_IMPORTED = "result-imported"
    RESULT_ANNULLED = "result-annulled"
    LIST_PUBLISHED = "list-published"
    ASKED_AGAIN = "asked-again"
    OTHER = "other"


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Text(Part):
    zh: str
    en: str


class Item(Part):
    """One reason, condition or gap: a stable code, its numbers, and the sentence in both languages."""

    code: str
    text: Text
    values: dict[str, str | int] = {}


class Clause(Part):
    """Where a rule stands: its id in our policy data, the dossier's source and how sure we are of it."""

    id: str
    source: str
    confidence: str  # official | news | inferred | synthetic


class Opens(Part):
    """What the road leads to."""

    series: str
    level: Level
    title: Text
    confidence: str
    only: bool = False  # exactly this title; otherwise up to this level


class RoadAnswer(Part):
    """What one road says to one person on one day."""

    road: Road
    status: Status
    opens: Opens | None = None
    conditions: tuple[Item, ...] = ()  # must be met before the road is open
    outstanding: tuple[Item, ...] = ()  # still to come on the way, does not hold the road shut
    missing: tuple[Item, ...] = ()  # why it is closed or not known
    exceptions: tuple[Item, ...] = ()  # what departs from the normal ladder and is shown as such
    notes: tuple[Item, ...] = ()
    evidence: tuple[Item, ...] = ()  # facts of the register or list that the answer rests on
    clauses: tuple[Clause, ...] = ()
    needs_officer: bool = False  # one of the conditions is a confirmation by an officer


class PolicyRef(Part):
    """The dated data an answer was made by."""

    id: str  # overseas-list | competition-register | ordinary-ladder
    version: str
    digest: Digest


class Exemption(Part):
    """An arrangement between two credentials, shown beside the roads. `of_the_list`: from the supplementary list."""

    id: str
    of_the_list: bool
    direction: str
    mode: str
    effect: Text
    source: str
    year: int | None
    confidence: str


class Event(Part):
    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]
    VERSION: ClassVar[int] = 1

    case_id: str = Field(pattern=r"^c_[a-z2-7]{26}$")


class EducationFact(Part):
    degree: Degree
    field: DegreeField
    awarded_year: int


class WorkFact(Part):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    from_: Month = Field(alias="from")
    to: Month | None = None  # first month that is not worked any more; null = continues
    in_shanghai: bool
    in_field: bool


class TitleFact(Part):
    series: str
    level: Level
    appointed_year: int


class CertificateFact(Part):
    certificate: str  # id of contracts/certificates.yaml, or "unlisted"
    grade: str  # grade id of that certificate, or "unlisted"
    issued: Month
    lapses: Month | None = None


class CompetitionFact(Part):
    edition: str
    project_id: str
    role: Role


class EmployerFact(Part):
    kind: EmployerKind
    free_post: bool | None = None
    superior_consent: bool | None = None


class Target(Part):
    series: str
    level: Level


class Facts(Part):
    """What rules may see of a person."""

    education: tuple[EducationFact, ...] = ()
    work: tuple[WorkFact, ...] = ()
    titles: tuple[TitleFact, ...] = ()
    certificates: tuple[CertificateFact, ...] = ()
    competitions: tuple[CompetitionFact, ...] = ()
    employer: EmployerFact
    earlier_rounds: tuple[str, ...] = ()
    early_promotion: bool = False


class Filed(Event):
    """The fields that `submitted` and `amended` share."""

    TOPIC: ClassVar[str] = "intake.case.v1"

    revision: int = Field(ge=1)
    case_number: str  # the number that people read out
    round: str
    round_year: int
    received_on: Day  # business date, Asia/Shanghai
    jurisdiction: str
    list_version: str
    list_digest: Digest
    roads: tuple[Road, ...]
    target: Target | None = None
    person: tuple[str, ...]  # pseudonyms
    facts: Facts
    contact_sealed: str  # for notify alone (HPKE, base64url), case id and revision inside the seal


class CaseSubmitted(Filed):
    """Taken in, to be assessed."""

    TYPE: ClassVar[str] = "intake.case.submitted"


class CaseAmended(Filed):
    """Filed again, as the next revision."""

    TYPE: ClassVar[str] = "intake.case.amended"


class CaseHeld(Event):
    """Taken in and held: another application of the same person exists in this round and road."""

    TYPE: ClassVar[str] = "intake.case.held"
    TOPIC: ClassVar[str] = "intake.case.v1"

    revision: int
    case_number: str
    reason: str  # duplicate
    contact_sealed: str


class AssessmentRequested(Event):
    """No answer came in time: the named services send their stored answer again."""

    TYPE: ClassVar[str] = "intake.case.asked-again"
    TOPIC: ClassVar[str] = "intake.case.v1"

    revision: int
    services: tuple[str, ...]


class CaseDetermined(Event):
    """Both assessments and the ordinary road joined, as determination `number` of the case."""

    TYPE: ClassVar[str] = "intake.case.determined"
    TOPIC: ClassVar[str] = "intake.case.v1"

    revision: int
    number: int = Field(ge=1)
    determination_id: str
    supersedes: int | None = None
    because: Because
    case_number: str
    roads: tuple[RoadAnswer, ...]
    exemptions: tuple[Exemption, ...] = ()
    waits_for_officer: bool


class CaseWithdrawn(Event):
    """The application has ended on the partner's word; no determination follows."""

    TYPE: ClassVar[str] = "intake.case.withdrawn"
    TOPIC: ClassVar[str] = "intake.case.v1"

    revision: int
    case_number: str


class PersonalDataErased(Event):
    """The last event of a case: every service drops what it holds about the person."""

    TYPE: ClassVar[str] = "intake.case.erased"
    TOPIC: ClassVar[str] = "intake.case.v1"


class Assessed(Event):
    """Assessment `number` of one service for one revision. The id derives from what it is about."""

    revision: int
    number: int = Field(ge=1)
    assessment_id: str
    because: Because
    input_digest: Digest
    policy: PolicyRef
    rules_version: str
    result_digest: Digest  # over answer and exemptions
    answer: RoadAnswer
    exemptions: tuple[Exemption, ...] = ()


class EquivalenceAssessed(Assessed):
    """What the overseas road says: assessment `number` of a revision, with exemptions beside it."""

    TYPE: ClassVar[str] = "equivalence.assessment.made"
    TOPIC: ClassVar[str] = "equivalence.assessment.v1"


class CompetitionAssessed(Assessed):
    """What the competition road says: assessment `number` of a revision."""

    TYPE: ClassVar[str] = "competition.assessment.made"
    TOPIC: ClassVar[str] = "competition.assessment.v1"


class MessageEvent(Event):
    TOPIC: ClassVar[str] = "notify.message.v1"

    message_id: str
    step: str  # received | held | amended | determined | withdrawn
    determination: int | None = None  # its number, for the step `determined`
    kind: str  # email
    attempts: int


class MessageDelivered(MessageEvent):
    """The mail server took the message."""

    TYPE: ClassVar[str] = "notify.message.delivered"


class MessageWaiting(MessageEvent):
    """Tried for hours in vain, or refused for good: the message waits for a person."""

    TYPE: ClassVar[str] = "notify.message.waiting"

    reason: str  # code, never an address or a server's own words


EVENTS: tuple[type[Event], ...] = (
    CaseSubmitted,
    CaseAmended,
    CaseHeld,
    AssessmentRequested,
    CaseDetermined,
    CaseWithdrawn,
    PersonalDataErased,
    EquivalenceAssessed,
    CompetitionAssessed,
    MessageDelivered,
    MessageWaiting,
)
BY_TYPE: dict[str, type[Event]] = {event.TYPE: event for event in EVENTS}
