"""The catalogue: it passes the official shapes, and our own list notices every loss."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pyshacl
import pytest
from rdflib import OWL, RDF, SKOS, Graph, Literal, URIRef
from rdflib.compare import isomorphic

from anonymise import about as abouts
from anonymise.dcat import DCAT, DCT, EU, REQUIRED, REQUIRED_OF_FILES, SPDX, catalogue, missing, serialise
from anonymise.release import Release
from tests.anonymise.builders import BASE_URL

GERMAN = "dcat-ap-de-3.0/shapes"
GATES = {
    "DCAT-AP.de 3.0": [
        "dcat-ap-3.0.0/dcat-ap-SHACL.ttl",
        f"{GERMAN}/dcat-ap-SHACL-DE.ttl",
        f"{GERMAN}/dcat-ap-de-deprecated.ttl",
        f"{GERMAN}/dcat-ap-spec-german-additions.ttl",
        f"{GERMAN}/dcat-ap-de-controlledvocabularies.ttl",
    ],
    "DCAT-AP 3.0.1": ["dcat-ap-3.0.1/dcat-ap-SHACL.ttl"],
}


@pytest.fixture(scope="module")
def graph(releases: list[Release]) -> Graph:
    return catalogue([abouts.read(release.folder) for release in releases], base_url=BASE_URL)


def shapes(folder: Path, names: list[str]) -> Graph:
    """The shapes without their imports, which would go to the network."""
    found = Graph()
    for name in names:
        found.parse(folder / name)
    found.remove((None, OWL.imports, None))
    return found


def vocabulary(folder: Path) -> Graph:
    """The scheme of each code that we use; for validation only, it is not published."""
    found = Graph().parse(folder / "dcat-ap-de-3.0/vocab-stub.ttl")
    for code in ("JSON", "RDF_TURTLE"):
        found.add((URIRef(f"{EU}file-type/{code}"), SKOS.inScheme, URIRef(f"{EU}file-type")))
        found.add((URIRef(f"{EU}file-type/{code}"), RDF.type, SKOS.Concept))
        found.add((URIRef(f"{EU}file-type/{code}"), SKOS.prefLabel, Literal(code, lang="en")))
    return found


@pytest.mark.parametrize("gate", GATES)
def test_the_catalogue_passes_the_official_shapes_without_a_result(graph: Graph, shared: Path, gate: str) -> None:
    folder = shared / "data" / "opendata"

    conforms, _, report = pyshacl.validate(
        graph + vocabulary(folder), shacl_graph=shapes(folder, GATES[gate]), do_owl_imports=False
    )

    assert conforms, report


def test_our_own_list_finds_nothing_missing(graph: Graph) -> None:
    assert missing(graph) == []


@pytest.mark.parametrize("predicate", REQUIRED)
def test_the_loss_of_any_property_of_a_data_set_is_noticed(graph: Graph, predicate: URIRef) -> None:
    poorer = Graph() + graph
    for dataset in graph.subjects(RDF.type, DCAT.Dataset):
        poorer.remove((dataset, predicate, None))

    assert missing(poorer)


@pytest.mark.parametrize(
    "predicate", [*REQUIRED_OF_FILES, SPDX.checksumValue, DCAT.startDate, DCAT.bbox, DCAT.centroid]
)
def test_the_loss_of_any_property_of_a_file_or_a_part_is_noticed(graph: Graph, predicate: URIRef) -> None:
    poorer = Graph() + graph
    for subject in list(graph.subjects(predicate, None)):
        if (subject, RDF.type, DCAT.Dataset) not in graph:
            poorer.remove((subject, predicate, None))

    assert missing(poorer)


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_missing_language_is_noticed(graph: Graph, language: str) -> None:
    poorer = Graph() + graph
    for subject, value in list(graph.subject_objects(DCT.title)):
        if isinstance(value, Literal) and value.language == language:
            poorer.remove((subject, DCT.title, value))

    assert missing(poorer) == ["dataset: title in German and English"]


# rdflib's own JSON-LD parser still uses its deprecated class.
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
def test_the_three_notations_say_the_same(graph: Graph) -> None:
    formats = {"ttl": "turtle", "jsonld": "json-ld", "rdf": "xml"}

    read = [Graph().parse(data=serialise(graph, notation), format=name) for notation, name in formats.items()]

    assert all(isomorphic(other, graph) for other in read)


def test_sizes_and_checksums_are_those_of_the_files(releases: list[Release]) -> None:
    for path, size, digest in described(releases[1]):
        content = (releases[1].folder / path).read_bytes()
        assert (size, digest) == (len(content), sha256(content).hexdigest())


def described(release: Release) -> Iterator[tuple[str, int, str]]:
    graph = Graph().parse(release.folder / "dcat.ttl")
    files = list(graph.subjects(RDF.type, DCAT.Distribution))
    assert len(files) == 4
    for file in files:
        address, size = graph.value(file, DCAT.downloadURL), graph.value(file, DCAT.byteSize)
        checksum = graph.value(file, SPDX.checksum)
        yield str(address).rsplit("/", 1)[1], int(str(size)), str(graph.value(checksum, SPDX.checksumValue))
