"""For each constraint that is checked: a type, an object of it that breaks the constraint, and what puts that right.

`None` in the change takes a member away.
"""

from typing import Any

Node = dict[str, Any]
Case = tuple[str, Node, Node]
UCUM = "http://unitsofmeasure.org"
TERMS = "http://terminology.hl7.org/CodeSystem/"


def concept(system: str, code: str) -> Node:
    return {"coding": [{"system": TERMS + system, "code": code}]}


ERROR = concept("condition-ver-status", "entered-in-error")
ALLERGY_ERROR = concept("allergyintolerance-verification", "entered-in-error")
REST = {"mode": "server"}
ENTRY = {"resource": {"resourceType": "Basic", "code": {"text": "x"}}}
STATEMENT = {"status": "draft", "date": "2026", "kind": "instance", "fhirVersion": "4.0.1", "format": ["json"]}
CAPABLE = STATEMENT | {"implementation": {"description": "x"}, "rest": [REST]}
ITEM = {"linkId": "1", "type": "string"}

DATATYPES: dict[str, Case] = {
    "ext-1": ("Extension", {"url": "urn:x"}, {"valueString": "x"}),
    "per-1": ("Period", {"start": "2026-02", "end": "2026-01"}, {"end": "2026-02-03"}),
    "rng-2": ("Range", {"low": {"value": 2}, "high": {"value": 1}}, {"high": {"value": 2}}),
    "rat-1": ("Ratio", {"numerator": {"value": 1}}, {"denominator": {"value": 2}}),
    "qty-3": ("Quantity", {"value": 1, "code": "m"}, {"system": UCUM}),
    "age-1": ("Age", {"value": 0, "code": "a", "system": UCUM}, {"value": 1}),
    "cnt-3": ("Count", {"value": 1, "code": "2", "system": UCUM}, {"code": "1"}),
    "dis-1": ("Distance", {"value": 1}, {"code": "m", "system": UCUM}),
    "drt-1": ("Duration", {"code": "h", "system": UCUM}, {"value": 1}),
    "cpt-2": ("ContactPoint", {"value": "1"}, {"system": "phone"}),
    "att-1": ("Attachment", {"data": "aGk="}, {"contentType": "text/plain"}),
    "exp-1": ("Expression", {"language": "text/fhirpath"}, {"expression": "x"}),
    "drq-1": ("DataRequirement.codeFilter", {"valueSet": "urn:x"}, {"path": "code"}),
    "drq-2": ("DataRequirement.dateFilter", {"path": "date", "searchParam": "date"}, {"path": None}),
    "trd-1": ("TriggerDefinition",
              {"type": "named-event", "name": "x", "data": [{"type": "Basic"}], "timingDate": "2026"}, {"data": None}),
    "trd-2": ("TriggerDefinition", {"type": "named-event", "name": "x", "condition": {"language": "text/cql", "expression": "x"}},
              {"data": [{"type": "Basic"}]}),
    "trd-3": ("TriggerDefinition", {"type": "periodic"}, {"timingDate": "2026"}),
    "tim-1": ("Timing.repeat", {"duration": 1}, {"durationUnit": "h"}),
    "tim-2": ("Timing.repeat", {"period": 1}, {"periodUnit": "h"}),
    "tim-4": ("Timing.repeat", {"duration": -1, "durationUnit": "h"}, {"duration": 0}),
    "tim-5": ("Timing.repeat", {"period": -1, "periodUnit": "h"}, {"period": 0}),
    "tim-6": ("Timing.repeat", {"periodMax": 1}, {"period": 1, "periodUnit": "h"}),
    "tim-7": ("Timing.repeat", {"durationMax": 1}, {"duration": 1, "durationUnit": "h"}),
    "tim-8": ("Timing.repeat", {"countMax": 1}, {"count": 1}),
    "tim-9": ("Timing.repeat", {"offset": 1, "when": ["CM"]}, {"when": ["ACM"]}),
    "tim-10": ("Timing.repeat", {"timeOfDay": ["10:00:00"], "when": ["ACM"]}, {"when": None}),
    "sqty-1": ("SimpleQuantity", {"value": 1, "comparator": "<"}, {"comparator": None}),
    "ele-1": ("Period", {"id": "x"}, {"start": "2026"}),
    "txt-1": ("Narrative", {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><form/></div>'},
              {"div": '<div xmlns="http://www.w3.org/1999/xhtml"><p/></div>'}),
    "ref-1": ("Observation", {"subject": {"reference": "#x"}}, {"subject": {"reference": "Patient/x"}}),
}  # fmt: skip
RESOURCES: dict[str, Case] = {
    "dom-2": ("Basic", {"contained": [ENTRY["resource"] | {"id": "a", "contained": [ENTRY["resource"] | {"id": "b"}]}],
                        "code": {"text": "x"}, "subject": {"reference": "#a"}},
              {"contained": [ENTRY["resource"] | {"id": "a"}]}),
    "dom-3": ("Basic", {"contained": [ENTRY["resource"] | {"id": "a"}], "code": {"text": "x"}},
              {"subject": {"reference": "#a"}}),
    "dom-4": ("Basic", {"contained": [ENTRY["resource"] | {"id": "a", "meta": {"versionId": "1"}}],
                        "code": {"text": "x"}, "subject": {"reference": "#a"}},
              {"contained": [ENTRY["resource"] | {"id": "a"}]}),
    "dom-5": ("Basic", {"contained": [ENTRY["resource"] | {"id": "a", "meta": {"security": [{"code": "R"}]}}],
                        "code": {"text": "x"}, "subject": {"reference": "#a"}},
              {"contained": [ENTRY["resource"] | {"id": "a"}]}),
    "pat-1": ("Patient.contact", {"gender": "other"}, {"name": {"text": "x"}}),
    "org-1": ("Organization", {"active": True}, {"name": "x"}),
    "org-2": ("Organization", {"name": "x", "address": [{"use": "home"}]}, {"address": None}),
    "org-3": ("Organization", {"name": "x", "telecom": [{"use": "home"}]}, {"telecom": None}),
    "app-1": ("Appointment.participant", {"status": "accepted"}, {"actor": {"display": "x"}}),
    "app-2": ("Appointment", {"status": "proposed", "start": "2026-01-01T10:00:00Z", "participant": [{"status": "accepted", "actor": {"display": "x"}}]},
              {"end": "2026-01-01T11:00:00Z"}),
    "app-3": ("Appointment", {"status": "booked", "participant": [{"status": "accepted", "actor": {"display": "x"}}]},
              {"status": "proposed"}),
    "app-4": ("Appointment", {"status": "proposed", "cancelationReason": {"text": "x"}}, {"status": "cancelled"}),
    "apr-1": ("AppointmentResponse", {"participantStatus": "accepted"}, {"actor": {"display": "x"}}),
    "con-1": ("Condition.stage", {"type": {"text": "x"}}, {"summary": {"text": "x"}}),
    "con-2": ("Condition.evidence", {"extension": [{"url": "urn:x", "valueString": "x"}]}, {"code": [{"text": "x"}]}),
    "con-4": ("Condition", {"abatementString": "x"}, {"clinicalStatus": concept("condition-clinical", "resolved")}),
    "con-5": ("Condition", {"clinicalStatus": concept("condition-clinical", "active"), "verificationStatus": ERROR},
              {"clinicalStatus": None}),
    "obs-3": ("Observation.referenceRange", {"age": {"low": {"value": 1}}}, {"text": "x"}),
    "obs-6": ("Observation", {"valueString": "x", "dataAbsentReason": {"text": "x"}}, {"dataAbsentReason": None}),
    "obs-7": ("Observation", {"code": concept("x", "1"), "valueString": "x", "component": [{"code": concept("x", "1")}]},
              {"valueString": None}),
    "ait-1": ("AllergyIntolerance", {"patient": {"display": "x"}}, {"verificationStatus": ALLERGY_ERROR}),
    "ait-2": ("AllergyIntolerance", {"verificationStatus": ALLERGY_ERROR,
                                     "clinicalStatus": concept("allergyintolerance-clinical", "active")},
              {"clinicalStatus": None}),
    "imm-1": ("Immunization.education", {"publicationDate": "2026"}, {"reference": "urn:x"}),
    "cpl-3": ("CarePlan.activity", {"reference": {"display": "x"}, "detail": {"status": "scheduled"}}, {"detail": None}),
    "ctm-1": ("CareTeam.participant", {"member": {"reference": "Patient/x"}, "onBehalfOf": {"display": "x"}},
              {"member": {"reference": "Practitioner/x"}}),
    "gol-1": ("Goal.target", {"detailString": "x"}, {"measure": {"text": "x"}}),
    "inv-1": ("Task", {"authoredOn": "2026-02", "lastModified": "2026-01"}, {"lastModified": "2026-03"}),
    "prr-1": ("ServiceRequest", {"orderDetail": [{"text": "x"}]}, {"code": {"text": "x"}}),
    "cmp-1": ("Composition.section", {"title": "x"}, {"entry": [{"display": "x"}]}),
    "cmp-2": ("Composition.section", {"entry": [{"display": "x"}], "emptyReason": {"text": "x"}}, {"emptyReason": None}),
    "ppc-1": ("Consent", {"status": "active"}, {"policyRule": {"text": "x"}}),
    "sev-1": ("AuditEvent.entity", {"name": "x", "query": "aGk="}, {"query": None}),
    "grp-1": ("Group", {"actual": False, "member": [{"entity": {"display": "x"}}]}, {"actual": True}),
}  # fmt: skip
FORMS: dict[str, Case] = {
    "qrs-1": ("QuestionnaireResponse.item", {"linkId": "1", "answer": [{"valueString": "x"}], "item": [{"linkId": "2"}]},
              {"item": None}),
    "que-1": ("Questionnaire.item", ITEM | {"type": "group"}, {"item": [ITEM]}),
    "que-2": ("Questionnaire", {"status": "draft", "item": [ITEM, ITEM]}, {"item": [ITEM]}),
    "que-3": ("Questionnaire.item", ITEM | {"type": "display", "code": [{"code": "x"}]}, {"code": None}),
    "que-4": ("Questionnaire.item", ITEM | {"answerOption": [{"valueString": "x"}], "answerValueSet": "urn:x"},
              {"answerValueSet": None}),
    "que-5": ("Questionnaire.item", ITEM | {"type": "text", "answerValueSet": "urn:x"}, {"type": "choice"}),
    "que-6": ("Questionnaire.item", ITEM | {"type": "display", "repeats": True}, {"repeats": None}),
    "que-7": ("Questionnaire.item.enableWhen", {"question": "1", "operator": "exists", "answerString": "x"},
              {"answerString": None, "answerBoolean": True}),
    "que-8": ("Questionnaire.item", ITEM | {"type": "display", "initial": [{"valueString": "x"}]}, {"initial": None}),
    "que-9": ("Questionnaire.item", ITEM | {"type": "display", "readOnly": True}, {"readOnly": None}),
    "que-10": ("Questionnaire.item", ITEM | {"type": "date", "maxLength": 3}, {"type": "text"}),
    "que-11": ("Questionnaire.item", ITEM | {"answerOption": [{"valueString": "x"}], "initial": [{"valueString": "x"}]},
               {"initial": None}),
    "que-12": ("Questionnaire.item", ITEM | {"enableWhen": [{"question": "2", "operator": "=", "answerString": "x"}] * 3},
               {"enableBehavior": "any"}),
    "que-13": ("Questionnaire.item", ITEM | {"initial": [{"valueString": "x"}, {"valueString": "y"}]}, {"repeats": True}),
    "bdl-1": ("Bundle", {"type": "collection", "total": 1}, {"type": "searchset"}),
    "bdl-2": ("Bundle", {"type": "collection", "entry": [ENTRY | {"search": {"mode": "match"}}]}, {"type": "searchset"}),
    "bdl-3": ("Bundle", {"type": "collection", "entry": [ENTRY | {"request": {"method": "POST", "url": "Basic"}}]},
              {"type": "batch"}),
    "bdl-4": ("Bundle", {"type": "collection", "entry": [ENTRY | {"response": {"status": "200"}}]},
              {"type": "batch-response"}),
    "bdl-5": ("Bundle.entry", {"fullUrl": "urn:x"}, ENTRY),
    "bdl-7": ("Bundle", {"type": "collection", "entry": [ENTRY | {"fullUrl": "urn:x"}] * 2}, {"type": "history"}),
    "bdl-8": ("Bundle", {"type": "collection", "entry": [ENTRY | {"fullUrl": "http://x/Basic/1/_history/2"}]},
              {"entry": [ENTRY | {"fullUrl": "http://x/Basic/1"}]}),
    "bdl-9": ("Bundle", {"type": "document"}, {"identifier": {"system": "urn:x", "value": "1"}}),
    "bdl-10": ("Bundle", {"type": "document"}, {"timestamp": "2026-01-01T10:00:00Z"}),
    "bdl-11": ("Bundle", {"type": "document", "entry": [ENTRY]}, {"type": "collection"}),
    "bdl-12": ("Bundle", {"type": "message", "entry": [ENTRY]}, {"type": "collection"}),
    "cpb-1": ("CapabilityStatement", {k: v for k, v in CAPABLE.items() if k != "rest"}, {"rest": [REST]}),
    "cpb-2": ("CapabilityStatement", STATEMENT | {"kind": "requirements", "rest": [REST]}, {"description": "x"}),
    "cpb-3": ("CapabilityStatement",
              STATEMENT | {"kind": "requirements", "description": "x", "messaging": [{"endpoint": [{"address": "urn:x", "protocol": {"code": "x"}}]}]},
              {"messaging": None}),
    "cpb-7": ("CapabilityStatement", CAPABLE | {"document": [{"mode": "producer", "profile": "urn:x"}] * 2}, {"document": None}),
    "cpb-9": ("CapabilityStatement.rest", REST | {"resource": [{"type": "Basic"}] * 2}, {"resource": [{"type": "Basic"}]}),
    "cpb-12": ("CapabilityStatement.rest.resource", {"type": "Basic", "searchParam": [{"name": "x", "type": "token"}] * 2},
               {"searchParam": [{"name": "x", "type": "token"}]}),
    "cpb-14": ("CapabilityStatement", STATEMENT | {"description": "x", "rest": [REST]}, {"implementation": {"description": "x"}}),
    "cpb-15": ("CapabilityStatement", CAPABLE | {"kind": "capability"}, {"kind": "instance"}),
    "cpb-16": ("CapabilityStatement", CAPABLE | {"kind": "requirements"}, {"kind": "instance"}),
}  # fmt: skip
CASES = DATATYPES | RESOURCES | FORMS
