"""From where a request comes, and whom to believe about it."""

import io
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import log
from infra.rates import Peers, network_of, networks_from

PROXIES = networks_from("10.0.0.0/8, fd00::/8")


def asked(peer: str, *forwarded: str) -> dict[str, object]:
    """A request from a peer with these headers X-Forwarded-For."""
    return {"client": (peer, 1), "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded]}


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("192.0.2.1", ("198.51.100.7",), "192.0.2.1"),
        ("10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.5, 198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.5", "198.51.100.7"), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.5, 198.51.100.7, 10.0.0.2",), "198.51.100.7"),
        ("10.0.0.1", ("198.51.100.7:4711",), "198.51.100.7"),
        ("fd00::1", ("[2001:db8::7]:443",), "2001:db8::7"),
        ("::ffff:10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("unknown",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.5, made up, 10.0.0.2",), "10.0.0.2"),
        ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
    ],
)
def test_the_last_address_that_a_trusted_proxy_saw_counts(peer: str, forwarded: tuple[str, ...], address: str) -> None:
    assert Peers(PROXIES).address_of(asked(peer, *forwarded)) == address


@given(st.text(max_size=40), st.ip_addresses().map(str))
def test_nothing_that_a_client_sends_changes_its_address(sent: str, seen: str) -> None:
    encoded = sent.encode("utf-8", "replace").decode("latin-1").replace("\n", "")

    told = Peers(PROXIES).address_of(asked("10.0.0.1", encoded.encode("latin-1").decode("latin-1"), seen))

    assert told == seen or (Peers(PROXIES).address_of(asked(seen)) == seen and seen.startswith(("10.", "fd")))


def test_believing_everybody_would_let_a_client_choose_its_address() -> None:
    careless = Peers((ipaddress.ip_network("0.0.0.0/0"),))  # which the settings refuse

    assert careless.address_of(asked("198.51.100.7", "203.0.113.5")) == "203.0.113.5"
    assert Peers(PROXIES).address_of(asked("198.51.100.7", "203.0.113.5")) == "198.51.100.7"


def test_a_connection_without_an_address_has_none() -> None:
    assert Peers(()).address_of({"client": None, "headers": []}) == ""


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_network_counts_as_one(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_proxy_that_nobody_named_is_said_once() -> None:
    said, peers = io.StringIO(), Peers(())
    log.configure(stream=said)

    for _ in range(2):
        peers.note_proxy(asked("10.0.0.1", "198.51.100.7"))

    assert said.getvalue().count("proxy_not_trusted") == 1
    assert "198.51" not in said.getvalue()
