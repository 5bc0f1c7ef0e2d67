"""The catalogue as DCAT-AP.de 3.0: one graph from what the releases say about themselves, in three notations.

The official shapes miss most of what a portal needs (they notice the loss of five properties), so `missing` holds our own
list; a release whose metadata lacks any of it is not published.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import Namespace
from rdflib.term import Identifier, Node

from anonymise.about import About, Contact, DataFile, Publisher, Region, Words

RDF: Final = Namespace("http://www.w3.org/1999/02/22-rdf-syntax-ns#")
DCAT: Final = Namespace("http://www.w3.org/ns/dcat#")
DCATDE: Final = Namespace("http://dcat-ap.de/def/dcatde/")
DCATAP: Final = Namespace("http://data.europa.eu/r5r/")
DCT: Final = Namespace("http://purl.org/dc/terms/")
FOAF: Final = Namespace("http://xmlns.com/foaf/0.1/")
VCARD: Final = Namespace("http://www.w3.org/2006/vcard/ns#")
SPDX: Final = Namespace("http://spdx.org/rdf/terms#")
XSD: Final = Namespace("http://www.w3.org/2001/XMLSchema#")
GSP: Final = Namespace("http://www.opengis.net/ont/geosparql#")
ADMS: Final = Namespace("http://www.w3.org/ns/adms#")
RDFS_LABEL: Final = URIRef("http://www.w3.org/2000/01/rdf-schema#label")
EU: Final = "http://publications.europa.eu/resource/authority/"
MEDIA: Final = "https://www.iana.org/assignments/media-types/"
CONTRIBUTOR: Final = "http://dcat-ap.de/def/contributors/schleswigHolstein"
LEVEL: Final = "http://dcat-ap.de/def/politicalGeocoding/Level/administrativeDistrict"
SHA256: Final = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"
NOTATIONS: Final = {"ttl": "turtle", "jsonld": "json-ld", "rdf": "pretty-xml"}

_PREFIXES: Final = {
    "dcat": DCAT, "dcatde": DCATDE, "dcatap": DCATAP, "dct": DCT, "foaf": FOAF, "vcard": VCARD, "spdx": SPDX,
    "gsp": GSP, "adms": ADMS,
}  # fmt: skip


def catalogue(releases: Sequence[About], *, base_url: str) -> Graph:
    """The graph of a catalogue with these releases, newest last, at a base address without a slash at its end."""
    graph = Graph()
    for prefix, namespace in _PREFIXES.items():
        graph.bind(prefix, namespace)
    if not releases:
        return graph
    node = URIRef(f"{base_url}/catalog")
    _catalogue_itself(_Writer(graph, node), releases, base_url)
    for slug in sorted({about.slug for about in releases}):
        members = [about for about in releases if about.slug == slug]
        _series(_Writer(graph, URIRef(f"{base_url}/datasets/{slug}")), members[-1])
    for about in releases:
        dataset = URIRef(f"{base_url}/datasets/{about.slug}/{about.release}/")
        graph.add((node, DCAT.dataset, dataset))
        _dataset(_Writer(graph, dataset), about, base_url)
    return graph


def serialise(graph: Graph, notation: str) -> bytes:
    """The graph as `ttl`, `jsonld` or `rdf`."""
    return graph.serialize(format=NOTATIONS[notation], encoding="utf-8")


class _Writer:
    """Adds what is said about one node."""

    def __init__(self, graph: Graph, node: URIRef) -> None:
        self.graph, self.node = graph, node

    def link(self, predicate: URIRef, target: str, kind: URIRef | None = None) -> None:
        """Point to another node, whose class may be stated."""
        self.graph.add((self.node, predicate, URIRef(target)))
        if kind is not None:
            self.graph.add((URIRef(target), RDF.type, kind))

    def say(self, predicate: URIRef, value: str, datatype: URIRef | None = None) -> None:
        """State a value."""
        self.graph.add((self.node, predicate, Literal(value, datatype=datatype)))

    def words(self, predicate: URIRef, words: Words) -> None:
        """State a text in both languages."""
        for language in ("de", "en"):
            self.graph.add((self.node, predicate, Literal(words.of(language), lang=language)))

    def part(self, predicate: URIRef, name: str) -> "_Writer":
        """A node that belongs to this one, linked by a predicate."""
        node = URIRef(f"{self.node}#{name}")
        self.graph.add((self.node, predicate, node))
        return _Writer(self.graph, node)


def _catalogue_itself(to: _Writer, releases: Sequence[About], base_url: str) -> None:
    newest = releases[-1]
    to.link(RDF.type, str(DCAT.Catalog))
    to.words(DCT.title, Words(de="Offene Statistiken der Telemedizin", en="Open telemedicine statistics"))
    to.words(
        DCT.description,
        Words(
            de="k-anonyme Statistiken der Telemedizin-Plattform, jedes Quartal.",
            en="k-anonymous statistics of the telemedicine platform, every quarter.",
        ),
    )
    _publisher(to, newest.publisher)
    to.link(FOAF.homepage, f"{base_url}/", FOAF.Document)
    to.link(DCT.license, newest.licence.uri, DCT.LicenseDocument)
    to.say(DCT.issued, releases[0].issued.isoformat(), XSD.dateTime)
    to.say(DCT.modified, newest.issued.isoformat(), XSD.dateTime)
    _languages(to)
    _spatial(to, newest.region)


def _series(to: _Writer, about: About) -> None:
    to.link(RDF.type, str(DCAT.DatasetSeries))
    to.words(DCT.title, about.title)
    to.words(DCT.description, about.description)
    _publisher(to, about.publisher)
    _contact(to, about.contact)
    to.link(DCT.accrualPeriodicity, f"{EU}frequency/QUARTERLY", DCT.Frequency)
    _spatial(to, about.region)


def _dataset(to: _Writer, about: About, base_url: str) -> None:
    to.link(RDF.type, str(DCAT.Dataset))
    period = Words(de=f"{about.title.de}, {about.release}", en=f"{about.title.en}, {about.release}")
    to.words(DCT.title, period)
    to.words(DCT.description, about.description)
    for keyword in about.keywords:
        to.words(DCAT.keyword, keyword)
    to.say(DCT.identifier, str(to.node))
    _publisher(to, about.publisher)
    _contact(to, about.contact)
    to.link(DCATDE.contributorID, CONTRIBUTOR)
    to.link(DCAT.theme, f"{EU}data-theme/HEAL")
    to.link(DCT.accessRights, f"{EU}access-right/PUBLIC", DCT.RightsStatement)
    to.link(DCT.type, f"{EU}dataset-type/STATISTICAL")
    to.link(DCT.accrualPeriodicity, f"{EU}frequency/QUARTERLY", DCT.Frequency)
    _languages(to)
    to.say(DCT.issued, about.issued.isoformat(), XSD.dateTime)
    to.say(DCT.modified, about.issued.isoformat(), XSD.dateTime)
    to.say(DCAT.version, about.release)
    to.words(
        ADMS.versionNotes, Words(de="Erste Fassung; sie bleibt, wie sie ist.", en="First version; it stays as it is.")
    )
    to.link(DCAT.landingPage, str(to.node), FOAF.Document)
    to.link(FOAF.page, f"{to.node}method.html", FOAF.Document)
    temporal = to.part(DCT.temporal, "period")
    temporal.link(RDF.type, str(DCT.PeriodOfTime))
    temporal.say(DCAT.startDate, about.first.isoformat(), XSD.date)
    temporal.say(DCAT.endDate, about.last.isoformat(), XSD.date)
    to.say(DCAT.temporalResolution, "P3M", XSD.duration)
    _spatial(to, about.region)
    for place in about.region.parts:
        to.link(DCT.spatial, place, DCT.Location)
    to.link(DCATDE.politicalGeocodingLevelURI, LEVEL)
    _provenance(to.part(DCT.provenance, "provenance"), about)
    to.link(DCAT.inSeries, f"{base_url}/datasets/{about.slug}")
    to.link(DCATAP.availability, f"{EU}planned-availability/STABLE")
    for file in about.files:
        _distribution(to, about, file)


def _provenance(to: _Writer, about: About) -> None:
    limits = about.limits
    to.link(RDF.type, str(DCT.ProvenanceStatement))
    to.words(
        RDFS_LABEL,
        Words(
            de=f"Personen, nicht Ereignisse; jede veröffentlichte Menge ist leer oder hat mindestens k = {limits.k} Personen; "
            f"kein Kapitel über {limits.share_limit:.0%} einer Gruppe; nicht gerundet.",
            en=f"Persons, not events; every published set is empty or holds at least k = {limits.k} persons; no chapter above "
            f"{limits.share_limit:.0%} of a group; not rounded.",
        ),
    )


def _distribution(dataset: _Writer, about: About, file: DataFile) -> None:
    address = f"{dataset.node}{file.path}"
    to = _Writer(dataset.graph, URIRef(f"{address}#distribution"))
    dataset.link(DCAT.distribution, str(to.node), DCAT.Distribution)
    to.words(DCT.title, file.title)
    to.link(DCAT.accessURL, address)
    to.link(DCAT.downloadURL, address)
    to.link(DCT.license, about.licence.uri, DCT.LicenseDocument)
    to.say(DCATDE.licenseAttributionByText, about.licence.attribution)
    to.link(DCT["format"], f"{EU}file-type/{file.file_type}", DCT.MediaTypeOrExtent)
    to.link(DCAT.mediaType, f"{MEDIA}{file.media_type}", DCT.MediaType)
    to.say(DCAT.byteSize, str(file.bytes), XSD.nonNegativeInteger)
    to.link(DCATAP.availability, f"{EU}planned-availability/STABLE")
    to.link(SPDX.checksum, f"{address}#sha256")
    checksum = _Writer(to.graph, URIRef(f"{address}#sha256"))
    checksum.link(RDF.type, str(SPDX.Checksum))
    checksum.link(SPDX.algorithm, SHA256, SPDX.ChecksumAlgorithm)
    checksum.say(SPDX.checksumValue, file.sha256, XSD.hexBinary)


def _publisher(to: _Writer, publisher: Publisher) -> None:
    agent = f"{publisher.homepage}#publisher"
    to.link(DCT.publisher, agent, FOAF.Agent)
    other = _Writer(to.graph, URIRef(agent))
    other.say(FOAF.name, publisher.name)
    other.link(FOAF.homepage, publisher.homepage, FOAF.Document)


def _contact(to: _Writer, contact: Contact) -> None:
    point = to.part(DCAT.contactPoint, "contact")
    point.link(RDF.type, str(VCARD.Kind))
    point.say(VCARD.fn, contact.name)
    point.link(VCARD.hasEmail, f"mailto:{contact.email}")


def _spatial(to: _Writer, region: Region) -> None:
    to.link(DCT.spatial, region.uri, DCT.Location)
    place = _Writer(to.graph, URIRef(region.uri))
    place.say(DCAT.bbox, region.bbox, GSP.wktLiteral)
    place.say(DCAT.centroid, region.centroid, GSP.wktLiteral)


def _languages(to: _Writer) -> None:
    for code in ("DEU", "ENG"):
        to.link(DCT.language, f"{EU}language/{code}", DCT.LinguisticSystem)


REQUIRED: Final = (
    DCT.title, DCT.description, DCAT.keyword, DCT.identifier, DCT.publisher, DCAT.contactPoint, DCATDE.contributorID,
    DCAT.theme, DCT.accessRights, DCT.type, DCT.accrualPeriodicity, DCT.language, DCT.issued, DCT.modified, DCAT.version,
    ADMS.versionNotes, DCAT.landingPage, FOAF.page, DCT.temporal, DCAT.temporalResolution, DCT.spatial,
    DCATDE.politicalGeocodingLevelURI, DCT.provenance, DCAT.inSeries, DCATAP.availability,
    DCAT.distribution,
)  # fmt: skip
REQUIRED_OF_FILES: Final = (
    DCT.title, DCAT.accessURL, DCAT.downloadURL, DCT.license, DCATDE.licenseAttributionByText, DCT["format"],
    DCAT.mediaType, DCAT.byteSize, SPDX.checksum,
)  # fmt: skip
BILINGUAL: Final = (DCT.title, DCT.description, DCAT.keyword, ADMS.versionNotes)
LEAST_FILES: Final = 3


def missing(graph: Graph) -> list[str]:
    """What the metadata of the data sets in a graph lacks, by our own rules; empty if nothing."""
    return sorted(set(_missing(graph)))


def _missing(graph: Graph) -> Iterator[str]:
    for dataset in graph.subjects(RDF.type, DCAT.Dataset):
        yield from _absent(graph, dataset, REQUIRED)
        for predicate in BILINGUAL:
            languages = {value.language for value in _literals(graph.objects(dataset, predicate))}
            if not {"de", "en"} <= languages:
                yield f"dataset: {_short(predicate)} in German and English"
        files = list(graph.objects(dataset, DCAT.distribution))
        if len(files) < LEAST_FILES:
            yield "dataset: three distributions"
        for file in files:
            yield from (f"distribution: {text}" for text in _absent(graph, file, REQUIRED_OF_FILES))
            for checksum in graph.objects(file, SPDX.checksum):
                yield from _absent(graph, checksum, (SPDX.algorithm, SPDX.checksumValue))
        for contact in graph.objects(dataset, DCAT.contactPoint):
            yield from _absent(graph, contact, (VCARD.fn, VCARD.hasEmail))
        for period in graph.objects(dataset, DCT.temporal):
            yield from _absent(graph, period, (DCAT.startDate, DCAT.endDate))
        regions = [place for place in graph.objects(dataset, DCT.spatial) if (place, DCAT.bbox, None) in graph]
        if len(regions) != 1 or (regions[0], DCAT.centroid, None) not in graph:
            yield "dataset: exactly one region with bbox and centroid"


def _absent(graph: Graph, node: Node, predicates: Iterable[URIRef]) -> Iterator[str]:
    return (_short(predicate) for predicate in predicates if (node, predicate, None) not in graph)


def _literals(nodes: Iterable[Node]) -> Iterator[Literal]:
    return (node for node in nodes if isinstance(node, Literal))


def _short(predicate: Identifier) -> str:
    return str(predicate).replace("#", "/").rsplit("/", 1)[-1]
