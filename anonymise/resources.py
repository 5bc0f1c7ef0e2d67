"""The resources that statistics read, decoded only as far as they are needed (msgspec); nothing is validated again."""

from typing import Final

import msgspec

from anonymise.agreement import Coding, Concept, Consent, Period

AGS_EXTENSION: Final = "http://fhir.de/StructureDefinition/destatis/ags"
ICD_SYSTEM: Final = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"


class Encounter(msgspec.Struct, rename="camel", gc=False):
    """A visit: how it took place, when, why."""

    status: str = ""
    class_: Coding = msgspec.field(name="class", default_factory=Coding)
    period: Period = msgspec.field(default_factory=Period)
    reason_code: list[Concept] = []


class Extension(msgspec.Struct, rename="camel", gc=False):
    """An extension, as far as it may be a municipality's key."""

    url: str = ""
    value_coding: Coding = msgspec.field(default_factory=Coding)


class Address(msgspec.Struct, gc=False):
    """An address, as far as it names a municipality."""

    use: str | None = None
    extension: list[Extension] = []


class Meta(msgspec.Struct, rename="camel", gc=False):
    """When it was written."""

    last_updated: str = ""


class Patient(msgspec.Struct, rename="camel", gc=False):
    """A registration at a clinic."""

    meta: Meta = msgspec.field(default_factory=Meta)
    gender: str | None = None
    birth_date: str | None = None
    address: list[Address] = []


class Organization(msgspec.Struct, gc=False):
    """A clinic, as far as it lies somewhere."""

    address: list[Address] = []


class Appointment(msgspec.Struct, gc=False):
    """An appointment: when it was made and when it is."""

    status: str = ""
    created: str | None = None
    start: str | None = None


class Condition(msgspec.Struct, rename="camel", gc=False):
    """A diagnosis and whether it still holds."""

    clinical_status: Concept = msgspec.field(default_factory=Concept)
    verification_status: Concept = msgspec.field(default_factory=Concept)
    code: Concept = msgspec.field(default_factory=Concept)


Resource = Encounter | Patient | Appointment | Condition | Consent
SHAPES: Final[dict[str, type[Resource]]] = {
    "Encounter": Encounter,
    "Patient": Patient,
    "Appointment": Appointment,
    "Condition": Condition,
    "Consent": Consent,
}


def municipality(addresses: list[Address]) -> str | None:
    """The official key of the municipality (AGS) of the first present address that has one."""
    for address in addresses:
        if address.use != "old":
            for extension in address.extension:
                if extension.url == AGS_EXTENSION:
                    return extension.value_coding.code
    return None


def icd_code(concept: Concept) -> str | None:
    """The code of ICD-10-GM of a concept."""
    return next((coding.code for coding in concept.coding if coding.system == ICD_SYSTEM), None)


def has_code(concept: Concept, code: str) -> bool:
    """Whether one of the concept's codings is this code."""
    return any(coding.code == code for coding in concept.coding)
