"""What a resource must keep to beyond being JSON: the R4B models, then the rules that those do not see."""

from fhir.rules.validation import Invalid as Invalid
from fhir.rules.validation import prepare as prepare
from fhir.rules.validation import validate as validate
from fhir.rules.validation import validate_part as validate_part
