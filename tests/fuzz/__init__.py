"""Bad input of every kind against the FHIR routes: no 500, nothing that hangs, nothing that eats the memory."""
