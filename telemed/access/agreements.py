"""What patients agree to and refuse, written as a Consent in the record of their own clinic: the one way to do so.

Whoever speaks for the patient (their page, a desk) calls `state` inside a unit; what follows from it (grants, denials,
the statistics) follows from the Consent like from any other, so it is in force from the next request on.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select
from sqlmodel import Session

from anonymise.agreement import CONSENT_CODE, CONSENT_SYSTEM
from fhir import codec, compartments
from fhir.rows import COMPARTMENT, Stored
from fhir.store import Store
from infra.caller import Caller, Role
from infra.problems import NotFound

SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
LOINC: Final = "http://loinc.org"
PRIVACY_POLICY: Final = "57016-8"  # privacy policy acknowledgement Document
CONSENT_DOCUMENT: Final = "59284-0"  # consent Document
RECIPIENT: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"


class About(StrEnum):
    """What may be agreed to: a look at the record for care, or being counted in the statistics."""

    CARE = "care"
    STATISTICS = "statistics"


class Answer(StrEnum):
    """What a patient says. What is taken back was never a yes or a no; other sources of access stay as they are."""

    YES = "permit"
    NO = "deny"
    TAKEN_BACK = "taken-back"


@dataclass(frozen=True, slots=True)
class Agreement:
    """A question and its answer. `clinic` is the Organization that a look is about; empty, which only NO may be: every one."""

    about: About
    answer: Answer
    clinic: str = ""


class NobodyNamedError(ValueError):
    """A yes to a look has to name the clinic."""


def state(store: Store, session: Session, patient_id: str, agreement: Agreement, *, by: str) -> tuple[Stored, bool]:
    """The Consent that holds the answer, and whether it is the first to this question; `by` is who said so, for the log.

    `NotFound` where no such patient has a record. There is one Consent for each patient, question and clinic: another
    answer is its next version.
    """
    if agreement.about is About.CARE and agreement.answer is Answer.YES and not agreement.clinic:
        raise NobodyNamedError
    home = _home(store, session, patient_id)
    caller = Caller(home, by, Role.SERVICE, purpose="PATRQT")
    id = store.vault.pseudonym("agreement", patient_id, agreement.about, agreement.clinic)
    body = _consent(patient_id, home, agreement, at=store.clock.now().isoformat())
    parsed = codec.parse(json.dumps(body | {"id": id}).encode(), type="Consent")
    return store.put(session, caller, "Consent", id, parsed)


def _home(store: Store, session: Session, patient_id: str) -> str:
    wanted = select(COMPARTMENT.c.tenant).where(COMPARTMENT.c.id == compartments.pseudonym(store.vault, patient_id))
    found: str | None = session.connection().execute(wanted).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def _consent(patient_id: str, home: str, agreement: Agreement, *, at: str) -> dict[str, Any]:
    is_care = agreement.about is About.CARE
    category = [{"system": LOINC, "code": PRIVACY_POLICY if is_care else CONSENT_DOCUMENT}]
    if not is_care:
        category.append({"system": CONSENT_SYSTEM, "code": CONSENT_CODE})
    taken_back = agreement.answer is Answer.TAKEN_BACK
    provision: dict[str, Any] = {"type": Answer.NO.value if taken_back else agreement.answer.value}
    if agreement.clinic:
        role = {"coding": [{"system": RECIPIENT, "code": "IRCP"}]}
        provision["actor"] = [{"role": role, "reference": {"reference": f"Organization/{agreement.clinic}"}}]
    return {
        "resourceType": "Consent",
        "status": "inactive" if taken_back else "active",
        "scope": {"coding": [{"system": SCOPE, "code": "patient-privacy" if is_care else "research"}]},
        "category": [{"coding": category}],
        "patient": {"reference": f"Patient/{patient_id}"},
        "dateTime": at,
        "organization": [{"reference": f"Organization/{home}"}],
        "policyRule": {"text": "Bundesdatenschutzgesetz, DSGVO Art. 9 Abs. 2"},
        "provision": provision,
    }
