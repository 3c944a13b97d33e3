"""The filing: what a partner sends for a person. Days are YYYY-MM-DD, months YYYY-MM, work is [from, to) in months.

Every field is bounded and unknown fields are refused. Errors name a rule and never the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from contracts import certificates, identity
from contracts.events import (
    CertificateFact,
    CompetitionFact,
    Degree,
    DegreeField,
    EducationFact,
    EmployerFact,
    EmployerKind,
    Facts,
    Level,
    Role,
    TitleFact,
    WorkFact,
)
from services.intake.example import FILING
from services.intake.fields import (
    MAX_LIST,
    Code,
    DegreeFieldId,
    DegreeId,
    DocumentType,
    Email,
    EmployerKindId,
    Id,
    IsoDay,
    IsoMonth,
    LevelId,
    Phone,
    PlainText,
    RoadId,
    RoleId,
    SeriesId,
    must_be_true,
    no_repeats,
)

_IDENTITY = {
    "format": PydanticCustomError("format", "Not the form of a number of this type."),
    "checksum": PydanticCustomError("checksum", "The check digit does not fit the number."),
    "birth-date": PydanticCustomError("birth-date", "The number names a day that does not exist."),
}


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Target(Part):
    """The title asked for; left out, the next one above the person's current title is judged."""

    series: SeriesId
    level: LevelId


class IdentityDocument(Part):
    """`mrz_check`: the check digit behind a passport's number in its machine-readable zone."""

    type: DocumentType
    mrz_check: Annotated[str, Field(pattern=r"^[0-9]$")] | None = None
    number: Annotated[str, Field(min_length=1, max_length=60)]
    valid_from: IsoDay | None = None
    valid_to: IsoDay | None = None

    @field_validator("mrz_check")
    @classmethod
    def for_a_passport_only(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("type", identity.PASSPORT) != identity.PASSPORT:
            raise PydanticCustomError("passport-only", "Only a passport has this check digit here.")
        return value

    @field_validator("number")
    @classmethod
    def a_number_of_its_type(cls, value: str, info: ValidationInfo) -> str:
        """Checked as it will be compared, kept as it was written."""
        if "type" not in info.data:
            return value
        try:
            identity.canonical(info.data["type"], value, mrz_check=info.data.get("mrz_check"))
        except identity.IdentityError as error:
            raise _IDENTITY[error.rule] from None
        return value


class Contact(Part):
    email: Email
    phone: Phone | None = None
    language: Literal["zh", "en"]


class Person(Part):
    name: PlainText
    identity_documents: Annotated[
        tuple[IdentityDocument, ...], Field(max_length=MAX_LIST, json_schema_extra={"minItems": 1})
    ]
    contact: Contact

    @field_validator("identity_documents")
    @classmethod
    def at_least_one(cls, value: tuple[IdentityDocument, ...]) -> tuple[IdentityDocument, ...]:
        """Not by min_length: that counts valid documents, and one bad number would break two rules."""
        if not value:
            raise PydanticCustomError("too-few", "Name at least one.")
        return value


class CodeOverride(Part):
    """A real code that fails its check is taken with the reason written down."""

    reason: PlainText


class Employer(Part):
    """`free_post`, `superior_consent`: what a public institution states."""

    name: PlainText
    code_override: CodeOverride | None = None
    code: Annotated[str, Field(min_length=1, max_length=60)]
    kind: EmployerKindId
    free_post: StrictBool | None = None
    superior_consent: StrictBool | None = None

    @field_validator("code")
    @classmethod
    def a_credit_code(cls, value: str, info: ValidationInfo) -> str:
        """An override excuses the check sign, not the form."""
        try:
            if info.data.get("code_override") is None:
                identity.credit_code(value)
            else:
                identity.credit_code_format(value)
        except identity.IdentityError as error:
            raise _IDENTITY[error.rule] from None
        return value


class Education(Part):
    degree: DegreeId
    field: DegreeFieldId
    awarded: IsoDay


class Work(Part):
    """[from, to) in months; `to` null = continues."""

    from_: Annotated[IsoMonth, Field(alias="from")]
    to: IsoMonth | None = None
    in_shanghai: StrictBool
    in_field: StrictBool


class Title(Part):
    series: SeriesId
    level: LevelId
    appointed: IsoDay


class Certificate(Part):
    body: PlainText
    name: PlainText
    grade: PlainText
    number: PlainText
    issued: IsoDay
    lapses: IsoDay | None = None


class Competition(Part):
    edition: Id
    project_id: Id
    role: RoleId


class Evidence(Part):
    """A file that exists elsewhere: its kind, its digest and who keeps it."""

    kind: Code
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    held_by: PlainText


class Declarations(Part):
    """`truthful` must be true. `early_promotion`: 破格 is asked for, with evidence of its own."""

    truthful: Annotated[StrictBool, AfterValidator(must_be_true), WithJsonSchema({"const": True})]
    early_promotion: StrictBool = False


class Filing(Part):
    """One application. `roads`: those asked for; none = all that the round has."""

    model_config = ConfigDict(json_schema_extra={"examples": [FILING]})

    round: Id
    roads: Annotated[tuple[RoadId, ...], Field(max_length=MAX_LIST), AfterValidator(no_repeats)] | None = None
    target: Target | None = None
    person: Person
    employer: Employer
    education: Annotated[tuple[Education, ...], Field(max_length=MAX_LIST)] = ()
    work: Annotated[tuple[Work, ...], Field(max_length=MAX_LIST)] = ()
    titles: Annotated[tuple[Title, ...], Field(max_length=MAX_LIST)] = ()
    certificates: Annotated[tuple[Certificate, ...], Field(max_length=MAX_LIST)] = ()
    competitions: Annotated[tuple[Competition, ...], Field(max_length=MAX_LIST)] = ()
    earlier_rounds: Annotated[tuple[Id, ...], Field(max_length=MAX_LIST), AfterValidator(no_repeats)] = ()
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=MAX_LIST)] = ()
    declarations: Declarations
    partner_reference: PlainText | None = None


def rule_breaks(filing: Filing, today: date) -> list[tuple[str, str]]:
    """(field, rule) for what no single field shows: a past that lies ahead, an end before its beginning.

    `today`: the business date. Whether the round exists and is open is not asked here.
    """
    return [*_ahead(filing, today), *_reversed(filing)]


def _ahead(filing: Filing, today: date) -> Iterable[tuple[str, str]]:
    past = [
        *((f"education[{place}].awarded", item.awarded) for place, item in enumerate(filing.education)),
        *((f"work[{place}].from", date.fromisoformat(f"{item.from_}-01")) for place, item in enumerate(filing.work)),
        *((f"titles[{place}].appointed", item.appointed) for place, item in enumerate(filing.titles)),
        *((f"certificates[{place}].issued", item.issued) for place, item in enumerate(filing.certificates)),
    ]
    return ((field, "after-today") for field, day in past if day > today)


def _reversed(filing: Filing) -> Iterable[tuple[str, str]]:
    for place, work in enumerate(filing.work):
        if work.to is not None and work.to <= work.from_:
            yield f"work[{place}].to", "ends-before-start"
    for place, certificate in enumerate(filing.certificates):
        if certificate.lapses is not None and certificate.lapses < certificate.issued:
            yield f"certificates[{place}].lapses", "lapses-before-issued"
    for place, document in enumerate(filing.person.identity_documents):
        if document.valid_from and document.valid_to and document.valid_to < document.valid_from:
            yield f"person.identity_documents[{place}].valid_to", "ends-before-start"


def facts_of(filing: Filing) -> Facts:
    """What rules may see of the person: degrees and titles by year, work and certificates by month, no free text."""
    return Facts(
        education=tuple(
            EducationFact(degree=Degree(item.degree), field=DegreeField(item.field), awarded_year=item.awarded.year)
            for item in filing.education
        ),
        work=tuple(
            WorkFact(from_=item.from_, to=item.to, in_shanghai=item.in_shanghai, in_field=item.in_field)
            for item in filing.work
        ),
        titles=tuple(
            TitleFact(series=item.series, level=Level(item.level), appointed_year=item.appointed.year)
            for item in filing.titles
        ),
        certificates=tuple(_certificate_fact(item) for item in filing.certificates),
        competitions=tuple(
            CompetitionFact(edition=item.edition, project_id=item.project_id, role=Role(item.role))
            for item in filing.competitions
        ),
        employer=EmployerFact(
            kind=EmployerKind(filing.employer.kind),
            free_post=filing.employer.free_post,
            superior_consent=filing.employer.superior_consent,
        ),
        earlier_rounds=filing.earlier_rounds,
        early_promotion=filing.declarations.early_promotion,
    )


def _certificate_fact(item: Certificate) -> CertificateFact:
    certificate, grade = certificates.recognise(item.body, item.name, item.grade)
    return CertificateFact(
        certificate=certificate,
        grade=grade,
        issued=f"{item.issued:%Y-%m}",
        lapses=f"{item.lapses:%Y-%m}" if item.lapses else None,
    )
