"""The diagnoses that a clinician can choose from in the console: real codes (BfArM, ICD-10-GM 2026)."""

from collections.abc import Mapping
from typing import Final

ICD_10_GM: Final = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
VERSION: Final = "2026"
TEXTS: Final[Mapping[str, str]] = {
    "J06.9": "Akute Infektion der oberen Atemwege",
    "J20.9": "Akute Bronchitis",
    "J45.9": "Asthma bronchiale",
    "J44.9": "Chronische obstruktive Lungenkrankheit",
    "A09.9": "Gastroenteritis und Kolitis",
    "B34.9": "Virusinfektion",
    "I10.90": "Essentielle Hypertonie",
    "I50.9": "Herzinsuffizienz",
    "I48.9": "Vorhofflimmern",
    "E11.90": "Diabetes mellitus, Typ 2",
    "E03.9": "Hypothyreose",
    "M54.5": "Kreuzschmerz",
    "M17.9": "Gonarthrose",
    "M79.18": "Myalgie",
    "F32.9": "Depressive Episode",
    "F43.2": "Anpassungsstörungen",
    "F90.0": "Aktivitäts- und Aufmerksamkeitsstörung",
    "G43.9": "Migräne",
    "G47.0": "Ein- und Durchschlafstörungen",
    "L20.9": "Atopisches Ekzem",
    "L30.9": "Dermatitis",
    "L57.0": "Aktinische Keratose",
    "J30.1": "Allergische Rhinopathie durch Pollen",
    "T63.4": "Toxische Wirkung des Giftes von Gliederfüßern",
    "S93.40": "Verstauchung des oberen Sprunggelenkes",
    "N39.0": "Harnwegsinfektion",
    "N18.9": "Chronische Nierenkrankheit",
    "K21.9": "Gastroösophageale Refluxkrankheit",
    "K29.7": "Gastritis",
    "H10.9": "Konjunktivitis",
    "H66.9": "Otitis media",
    "Z00.0": "Ärztliche Allgemeinuntersuchung",
    "R51": "Kopfschmerz",
    "R05": "Husten",
    "D50.9": "Eisenmangelanämie",
    "C44.9": "Bösartige Neubildung der Haut",
    "U07.1": "COVID-19, Virus nachgewiesen",
}
