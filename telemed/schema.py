"""Every table of the platform, imported in one place: for migrations and for the tests that compare them."""

import anonymise.models
import fhir.ledger.models
import fhir.tables
import infra.queue.models
import infra.vault.models
import telemed.access.models
import telemed.booking.models
import telemed.emergency.models
import telemed.identity.models
import telemed.mydata.models
import telemed.notices.models
import telemed.persons.models
import telemed.releases.models
import telemed.schedules.models
import telemed.signin.models
import telemed.visits.models

MODULES = (
    anonymise.models,
    fhir.ledger.models,
    fhir.tables,
    infra.queue.models,
    infra.vault.models,
    telemed.access.models,
    telemed.booking.models,
    telemed.emergency.models,
    telemed.identity.models,
    telemed.mydata.models,
    telemed.notices.models,
    telemed.persons.models,
    telemed.releases.models,
    telemed.schedules.models,
    telemed.signin.models,
    telemed.visits.models,
)
