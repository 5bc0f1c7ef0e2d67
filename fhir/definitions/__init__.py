"""The definitions of FHIR R4 as compact tables, each beside the script that makes it from the published definitions.

`python -m fhir.definitions.search` and the like fetch the package (npm), so they run at a desk, never in the service.
"""
