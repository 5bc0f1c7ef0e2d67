"""The codes that R4 4.0.1 requires (binding strength "required") in the served types and the data types they use.

fhir.resources lets any code pass. Copied from the value sets of hl7.fhir.r4.core 4.0.1; left out are media types,
currencies and the types inside DataRequirement and ParameterDefinition, which no served type holds outside extensions.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ValueSet:
    """A value set, the elements that must take their codes from it, and the codes, each list in one string."""

    name: str
    elements: str
    codes: str


VALUE_SETS: Final = (
    ValueSet(
        "administrative-gender",
        "Patient.gender Patient.contact.gender RelatedPerson.gender Practitioner.gender",
        "male female other unknown",
    ),
    ValueSet(
        "link-type",
        "Patient.link.type",
        "replaced-by replaces refer seealso",
    ),
    ValueSet(
        "days-of-week",
        "PractitionerRole.availableTime.daysOfWeek Location.hoursOfOperation.daysOfWeek HealthcareService.availableTime.daysOfWeek Timing.repeat.dayOfWeek",
        "mon tue wed thu fri sat sun",
    ),
    ValueSet(
        "location-status",
        "Location.status",
        "active suspended inactive",
    ),
    ValueSet(
        "location-mode",
        "Location.mode",
        "instance kind",
    ),
    ValueSet(
        "slotstatus",
        "Slot.status",
        "busy free busy-unavailable busy-tentative entered-in-error",
    ),
    ValueSet(
        "appointmentstatus",
        "Appointment.status",
        "proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in waitlist",
    ),
    ValueSet(
        "participantrequired",
        "Appointment.participant.required",
        "required optional information-only",
    ),
    ValueSet(
        "participationstatus",
        "Appointment.participant.status",
        "accepted declined tentative needs-action",
    ),
    ValueSet(
        "encounter-status",
        "Encounter.status Encounter.statusHistory.status",
        "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    ),
    ValueSet(
        "encounter-location-status",
        "Encounter.location.status",
        "planned active reserved completed",
    ),
    ValueSet(
        "condition-clinical",
        "Condition.clinicalStatus",
        "active recurrence relapse inactive remission resolved",
    ),
    ValueSet(
        "condition-ver-status",
        "Condition.verificationStatus",
        "unconfirmed provisional differential confirmed refuted entered-in-error",
    ),
    ValueSet(
        "observation-status",
        "Observation.status",
        "registered preliminary final amended corrected cancelled entered-in-error unknown",
    ),
    ValueSet(
        "request-status",
        "ServiceRequest.status CarePlan.status",
        "draft active on-hold revoked completed entered-in-error unknown",
    ),
    ValueSet(
        "request-intent",
        "ServiceRequest.intent",
        "proposal plan directive order original-order reflex-order filler-order instance-order option",
    ),
    ValueSet(
        "request-priority",
        "ServiceRequest.priority Task.priority Communication.priority",
        "routine urgent asap stat",
    ),
    ValueSet(
        "task-status",
        "Task.status",
        "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed entered-in-error",
    ),
    ValueSet(
        "task-intent",
        "Task.intent",
        "unknown proposal plan order original-order reflex-order filler-order instance-order option",
    ),
    ValueSet(
        "care-plan-intent",
        "CarePlan.intent",
        "proposal plan order option",
    ),
    ValueSet(
        "care-plan-activity-kind",
        "CarePlan.activity.detail.kind",
        "Appointment CommunicationRequest DeviceRequest MedicationRequest NutritionOrder Task ServiceRequest VisionPrescription",
    ),
    ValueSet(
        "care-plan-activity-status",
        "CarePlan.activity.detail.status",
        "not-started scheduled in-progress on-hold completed cancelled stopped unknown entered-in-error",
    ),
    ValueSet(
        "care-team-status",
        "CareTeam.status",
        "proposed active suspended inactive entered-in-error",
    ),
    ValueSet(
        "consent-state-codes",
        "Consent.status",
        "draft proposed active rejected inactive entered-in-error",
    ),
    ValueSet(
        "consent-provision-type",
        "Consent.provision.type",
        "deny permit",
    ),
    ValueSet(
        "consent-data-meaning",
        "Consent.provision.data.meaning",
        "instance related dependents authoredby",
    ),
    ValueSet(
        "event-status",
        "Communication.status",
        "preparation in-progress not-done on-hold stopped completed entered-in-error unknown",
    ),
    ValueSet(
        "publication-status",
        "Questionnaire.status",
        "draft active retired unknown",
    ),
    ValueSet(
        "item-type",
        "Questionnaire.item.type",
        "group display question boolean decimal integer date dateTime time string text url choice open-choice attachment reference quantity",
    ),
    ValueSet(
        "questionnaire-enable-operator",
        "Questionnaire.item.enableWhen.operator",
        "exists = != > < >= <=",
    ),
    ValueSet(
        "questionnaire-enable-behavior",
        "Questionnaire.item.enableBehavior",
        "all any",
    ),
    ValueSet(
        "questionnaire-answers-status",
        "QuestionnaireResponse.status",
        "in-progress completed amended entered-in-error stopped",
    ),
    ValueSet(
        "document-reference-status",
        "DocumentReference.status",
        "current superseded entered-in-error",
    ),
    ValueSet(
        "composition-status",
        "DocumentReference.docStatus",
        "preliminary final amended entered-in-error",
    ),
    ValueSet(
        "document-relationship-type",
        "DocumentReference.relatesTo.code",
        "replaces transforms signs appends",
    ),
    ValueSet(
        "audit-event-action",
        "AuditEvent.action",
        "C R U D E",
    ),
    ValueSet(
        "audit-event-outcome",
        "AuditEvent.outcome",
        "0 4 8 12",
    ),
    ValueSet(
        "network-type",
        "AuditEvent.agent.network.type",
        "1 2 3 4 5",
    ),
    ValueSet(
        "bundle-type",
        "Bundle.type",
        "document message transaction transaction-response batch batch-response history searchset collection",
    ),
    ValueSet(
        "search-entry-mode",
        "Bundle.entry.search.mode",
        "match include outcome",
    ),
    ValueSet(
        "http-verb",
        "Bundle.entry.request.method",
        "GET HEAD POST PUT DELETE PATCH",
    ),
    ValueSet(
        "issue-severity",
        "OperationOutcome.issue.severity",
        "fatal error warning information",
    ),
    ValueSet(
        "issue-type",
        "OperationOutcome.issue.code",
        "invalid structure required value invariant security login unknown expired forbidden suppressed processing not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly business-rule conflict transient lock-error no-store exception timeout incomplete throttled informational",
    ),
    ValueSet(
        "narrative-status",
        "Narrative.status",
        "generated extensions additional empty",
    ),
    ValueSet(
        "identifier-use",
        "Identifier.use",
        "usual official temp secondary old",
    ),
    ValueSet(
        "name-use",
        "HumanName.use",
        "usual official temp nickname anonymous old maiden",
    ),
    ValueSet(
        "contact-point-system",
        "ContactPoint.system",
        "phone fax email pager url sms other",
    ),
    ValueSet(
        "contact-point-use",
        "ContactPoint.use",
        "home work temp old mobile",
    ),
    ValueSet(
        "address-use",
        "Address.use",
        "home work temp old billing",
    ),
    ValueSet(
        "address-type",
        "Address.type",
        "postal physical both",
    ),
    ValueSet(
        "quantity-comparator",
        "Duration.comparator Age.comparator Quantity.comparator Count.comparator Distance.comparator",
        "< <= >= >",
    ),
    ValueSet(
        "units-of-time",
        "Timing.repeat.durationUnit Timing.repeat.periodUnit",
        "s min h d wk mo a",
    ),
    ValueSet(
        "event-timing",
        "Timing.repeat.when",
        "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV",
    ),
    ValueSet(
        "related-artifact-type",
        "RelatedArtifact.type",
        "documentation justification citation predecessor successor derived-from depends-on composed-of",
    ),
)

_RESOURCE_TYPES: Final = """
    Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic
    Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan CareTeam CatalogEntry
    ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem Communication
    CommunicationRequest CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage
    CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric
    DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference DomainResource
    EffectEvidenceSynthesis Encounter Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition
    Evidence EvidenceVariable ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition
    Group GuidanceResponse HealthcareService ImagingStudy Immunization ImmunizationEvaluation
    ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library Linkage List Location Measure
    MeasureReport Media Medication MedicationAdministration MedicationDispense MedicationKnowledge MedicationRequest
    MedicationStatement MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication
    MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured
    MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition
    MessageHeader MolecularSequence NamingSystem NutritionOrder Observation ObservationDefinition
    OperationDefinition OperationOutcome Organization OrganizationAffiliation Parameters Patient PaymentNotice
    PaymentReconciliation Person PlanDefinition Practitioner PractitionerRole Procedure Provenance Questionnaire
    QuestionnaireResponse RelatedPerson RequestGroup ResearchDefinition ResearchElementDefinition ResearchStudy
    ResearchSubject Resource RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot
    Specimen SpecimenDefinition StructureDefinition StructureMap Subscription Substance SubstanceNucleicAcid
    SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification
    SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport TestScript ValueSet VerificationResult
    VisionPrescription
    """
RESOURCE_TYPES: Final = frozenset(_RESOURCE_TYPES.split())


def _by_element() -> dict[tuple[str, str], frozenset[str]]:
    found = {}
    for value_set in VALUE_SETS:
        for path in value_set.elements.split():
            *owner, element = path.split(".")
            # The library names a part of a type after its path: Appointment.participant is AppointmentParticipant.
            found["".join(part[0].upper() + part[1:] for part in owner), element] = frozenset(value_set.codes.split())
    found["Questionnaire", "subjectType"] = RESOURCE_TYPES
    return found


# By (model class, element).
REQUIRED: Final = _by_element()
# Where the code stands in a CodeableConcept: the code system it must come from.
REQUIRED_SYSTEMS: Final = {
    ("Condition", "clinicalStatus"): "http://terminology.hl7.org/CodeSystem/condition-clinical",
    ("Condition", "verificationStatus"): "http://terminology.hl7.org/CodeSystem/condition-ver-status",
}
