"""The hash tree against the published vectors, and its proofs against everything that could be changed."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from infra.merkle import (
    EMPTY,
    Frontier,
    HashOf,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    node_hash,
    split,
)
from tests.fixtures.trees import root_of

# The leaves that Certificate Transparency's own tests have used since 2012, and the roots over the first one to eight.
LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
HASHED = [leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]

sizes = st.integers(1, 70)


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(bytes([number])) for number in range(count)]


def over(hashed: Sequence[bytes]) -> HashOf:
    return lambda start, end: root_of(hashed[start:end])


def flipped(data: bytes, bit: int) -> bytes:
    at = bit % (len(data) * 8)
    return bytes(byte ^ (1 << at % 8) if place == at // 8 else byte for place, byte in enumerate(data))


def test_the_roots_are_those_of_the_published_vectors() -> None:
    tree, found = Frontier(), []
    for leaf in HASHED:
        tree.append(leaf)
        found.append(tree.root().hex())

    assert tuple(found) == ROOTS
    assert root_of([]) == EMPTY == Frontier().root()


def test_the_proofs_are_those_of_the_published_vectors() -> None:
    first = [proof.hex()[:8] for proof in inclusion_proof(0, 8, over(HASHED))]
    sixth = [proof.hex()[:8] for proof in inclusion_proof(5, 8, over(HASHED))]
    grown = [proof.hex()[:8] for proof in consistency_proof(6, 8, over(HASHED))]

    assert first == ["96a296d2", "5f083f0a", "6b47aaf2"]
    assert sixth == ["bc1a0643", "ca854ea1", "d37ee418"]
    assert grown == ["0ebc5d34", "ca854ea1", "d37ee418"]


@given(size=sizes, data=st.data())
def test_every_leaf_is_shown_to_be_there(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    hashed = leaves(size)

    proof = inclusion_proof(index, size, over(hashed))

    assert is_included(hashed[index], index, size, proof=proof, root=root_of(hashed))
    assert len(proof) <= (size - 1).bit_length()


@given(size=sizes, bit=st.integers(0, 10_000), data=st.data())
def test_a_changed_bit_of_leaf_proof_or_root_is_noticed(size: int, bit: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    hashed = leaves(size)
    proof, root, leaf = inclusion_proof(index, size, over(hashed)), root_of(hashed), hashed[index]

    assert not is_included(flipped(leaf, bit), index, size, proof=proof, root=root)
    assert not is_included(leaf, index, size, proof=proof, root=flipped(root, bit))
    for at, part in enumerate(proof):
        wrong = [*proof[:at], flipped(part, bit), *proof[at + 1 :]]
        assert not is_included(leaf, index, size, proof=wrong, root=root)


@given(size=sizes, data=st.data())
def test_a_leaf_is_shown_at_its_own_place_alone_and_by_its_own_proof(size: int, data: st.DataObject) -> None:
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(-1, size + 1))
    hashed = leaves(size)
    proof, root = inclusion_proof(index, size, over(hashed)), root_of(hashed)

    assert is_included(hashed[index], other, size, proof=proof, root=root) == (other == index)
    assert not is_included(hashed[index], index, size, proof=[*proof, EMPTY], root=root)
    assert not proof or not is_included(hashed[index], index, size, proof=proof[:-1], root=root)


@given(new=sizes, data=st.data())
def test_every_growth_is_shown(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, new))
    hashed = leaves(new)

    proof = consistency_proof(old, new, over(hashed))

    assert is_consistent(old, new, proof=proof, old_root=root_of(hashed[:old]), new_root=root_of(hashed))


@given(new=sizes, bit=st.integers(0, 10_000), data=st.data())
def test_a_changed_bit_of_a_growth_is_noticed(new: int, bit: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, new))
    hashed = leaves(new)
    proof, was, now = consistency_proof(old, new, over(hashed)), root_of(hashed[:old]), root_of(hashed)

    assert not is_consistent(old, new, proof=proof, old_root=flipped(was, bit), new_root=now)
    # A tree that grew from nothing says nothing of what it grew to.
    assert old == 0 or not is_consistent(old, new, proof=proof, old_root=was, new_root=flipped(now, bit))
    assert not is_consistent(old, new, proof=[*proof, EMPTY], old_root=was, new_root=now)
    for at, part in enumerate(proof):
        wrong = [*proof[:at], flipped(part, bit), *proof[at + 1 :]]
        assert not is_consistent(old, new, proof=wrong, old_root=was, new_root=now)


@given(new=st.integers(2, 70), data=st.data())
def test_a_past_that_was_rewritten_is_no_growth(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new - 1))
    changed = data.draw(st.integers(0, old - 1))
    hashed = leaves(new)
    rewritten = [EMPTY if at == changed else leaf for at, leaf in enumerate(hashed)]
    proof = consistency_proof(old, new, over(rewritten))

    assert not is_consistent(old, new, proof=proof, old_root=root_of(hashed[:old]), new_root=root_of(rewritten))


@given(size=sizes)
def test_growing_remembers_little_and_names_what_it_closes(size: int) -> None:
    tree, hashed = Frontier(), leaves(size)
    for number, leaf in enumerate(hashed, 1):
        closed = tree.append(leaf)
        assert closed == [root_of(hashed[number - (1 << height) : number]) for height in range(len(closed))]
        assert number % (1 << (len(closed) - 1)) == 0

    assert len(tree.peaks) == size.bit_count()
    assert tree.root() == naive(hashed)


def naive(hashed: Sequence[bytes]) -> bytes:
    """The definition of RFC 6962, word for word."""
    if len(hashed) == 1:
        return hashed[0]
    return node_hash(naive(hashed[: split(len(hashed))]), naive(hashed[split(len(hashed)) :]))


def test_without_the_two_first_bytes_a_node_could_be_shown_as_a_leaf() -> None:
    left, right = leaves(2)

    assert leaf_hash(left + right) != node_hash(left, right)
