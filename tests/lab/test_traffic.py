"""The programs that talk: what they say is what the protocols' other readers read."""

import pytest
from scapy.layers.dns import DNS

from mirrorplane.lab.traffic import AAAA, A, dns_answer, dns_query

TXT = 16


@pytest.mark.parametrize(("kind", "address"), [(A, "192.0.2.80"), (AAAA, "2001:db8::80")])
def test_a_query_and_its_answer_are_dns(kind: int, address: str) -> None:
    query = dns_query(7, "www.example.com", kind)
    asked = DNS(query)
    assert (asked.id, asked.qr, asked.rd, asked.qdcount) == (7, 0, 1, 1)
    assert (asked.qd[0].qname, asked.qd[0].qtype, asked.qd[0].qclass) == (b"www.example.com.", kind, 1)
    answered = DNS(dns_answer(query))
    assert (answered.id, answered.qr, answered.rcode, answered.ancount) == (7, 1, 0, 1)
    assert (answered.an[0].rrname, answered.an[0].rdata) == (b"www.example.com.", address)


def test_a_type_without_an_answer_has_none() -> None:
    answered = DNS(dns_answer(dns_query(1, "www.example.com", TXT)))
    assert (answered.qr, answered.rcode, answered.ancount) == (1, 0, 0)
