"""Headers that lie, are cut, or are many (DESIGN 3.2): layer 2 and IPv4.

Owns the vectors of VLAN tags, IPv4 lengths, options and fragments.
"""

from tests.vectors.case import Case
from tests.vectors.world import (
    ARP,
    ARP_SEEN,
    DROPPED,
    IPV4,
    IPV6,
    MALFORMED,
    NO_RULE,
    NOT_IP,
    SERVICE_VLAN,
    VLAN,
    ethernet,
    filler,
    http4,
    http6,
    ip4,
    mirrored,
    one,
    rule,
    setup,
    tcp,
    udp,
    whole,
)

HTTP_ONLY = setup(ingress=[rule(protocol="TCP", dports="80/80")])
NOT_HTTP = setup(ingress=[rule(1, "drop", "TCP", dports="80/80"), rule(2)])
OTHER_TAG = 0x9100

TAGS = [
    one("one VLAN tag is looked through", http4(tags=(VLAN,)), whole(http4(tags=(VLAN,))), HTTP_ONLY),
    one(
        "one service tag is looked through",
        http4(tags=(SERVICE_VLAN,)),
        whole(http4(tags=(SERVICE_VLAN,))),
        HTTP_ONLY,
    ),
    one(
        "two VLAN tags are looked through",
        http4(tags=(VLAN, VLAN)),
        whole(http4(tags=(VLAN, VLAN))),
        HTTP_ONLY,
    ),
    one(
        "QinQ is looked through",
        http4(tags=(SERVICE_VLAN, VLAN)),
        whole(http4(tags=(SERVICE_VLAN, VLAN))),
        HTTP_ONLY,
    ),
    one(
        "QinQ the wrong way round is looked through",
        http4(tags=(VLAN, SERVICE_VLAN)),
        whole(http4(tags=(VLAN, VLAN))),
        HTTP_ONLY,
    ),
    one("IPv6 behind two tags", http6(tags=(SERVICE_VLAN, VLAN)), whole(http6(tags=(SERVICE_VLAN, VLAN)))),
    one("a third VLAN tag is not IP", http4(tags=(VLAN, VLAN, VLAN)), NOT_IP),
    one("a third service tag is not IP", http4(tags=(SERVICE_VLAN,) * 3), NOT_IP),
    one("a third VLAN tag is not ARP", ethernet(bytes(28), ARP, tags=(VLAN,) * 3), NOT_IP),
    one("a third VLAN tag that is cut is not IP", http4(tags=(VLAN,) * 3)[:24], NOT_IP),
    one("0x9100 is not a tag", http4(tags=(OTHER_TAG,)), NOT_IP),
    one("0x9100 behind a tag is not a tag", http4(tags=(VLAN, OTHER_TAG)), NOT_IP),
    one(
        "a VLAN tag with priority and VLAN 0",
        http4()[:12] + bytes.fromhex("8100e000") + http4()[12:],
        mirrored(58),
        HTTP_ONLY,
    ),
    one("a VLAN tag in front of ARP", ethernet(bytes(28), ARP, tags=(VLAN,)), ARP_SEEN),
    one("a VLAN tag and nothing behind its EtherType", ethernet(b"", ARP, tags=(VLAN,)), ARP_SEEN),
    one("two VLAN tags and nothing behind their EtherType", ethernet(b"", ARP, tags=(VLAN, VLAN)), ARP_SEEN),
    one("a VLAN tag in front of a length", ethernet(bytes(46), 46, tags=(VLAN,)), NOT_IP),
    *(
        one(f"a VLAN tag of which {size} bytes are there", http4(tags=(VLAN,))[: 14 + size], MALFORMED)
        for size in range(4)
    ),
    *(
        one(
            f"a second VLAN tag of which {size} bytes are there",
            http4(tags=(VLAN, VLAN))[: 18 + size],
            MALFORMED,
        )
        for size in range(4)
    ),
    *(
        one(f"an Ethernet header of which {size} bytes are there", http4()[:size], MALFORMED, flag="ingress")
        for size in range(14)
    ),
]

LIES = [
    one("IHL below 5", ethernet(ip4(tcp(), ihl=4)), MALFORMED),
    one("IHL 0", ethernet(ip4(tcp(), ihl=0)), MALFORMED),
    one("IHL past the frame", ethernet(ip4(b"", ihl=6, len=24)), MALFORMED),
    one("IHL past a cut frame", ethernet(ip4(tcp(), options=b"\x01" * 40))[: 14 + 59], MALFORMED),
    one(
        "IHL just at the end of a cut frame",
        ethernet(ip4(tcp(), options=b"\x01" * 40))[: 14 + 60],
        mirrored(74),
    ),
    one("total length below IHL", ethernet(ip4(tcp(), len=19)), MALFORMED),
    one(
        "total length below an IHL with options", ethernet(ip4(tcp(), options=b"\x01" * 4, len=23)), MALFORMED
    ),
    one("total length equal to IHL", ethernet(ip4(tcp(), len=20)), mirrored(34)),
    one("total length 0, as some offloads leave it", ethernet(ip4(tcp(), len=0)), MALFORMED),
    one("total length past the frame is what is there", ethernet(ip4(tcp(), len=41)), whole(http4())),
    one("version 6 under the EtherType of IPv4", ethernet(ip4(tcp(), version=6)), MALFORMED),
    one("version 0 under the EtherType of IPv4", ethernet(ip4(tcp(), version=0)), MALFORMED),
    one("an IPv6 packet under the EtherType of IPv4", http6()[:12] + b"\x08\x00" + http6()[14:], MALFORMED),
    one("an IPv4 packet under the EtherType of IPv6", http4()[:12] + b"\x86\xdd" + http4(80)[14:], MALFORMED),
    one("a wrong IPv4 checksum is not looked at", ethernet(ip4(tcp(), chksum=0xBAD)), mirrored(54)),
    one("nothing behind the EtherType of IPv4", ethernet(b"", IPV4), MALFORMED),
    one("nothing behind the EtherType of IPv6", ethernet(b"", IPV6), MALFORMED),
    one("19 bytes of IPv4", http4()[:33], MALFORMED),
    one("19 bytes of IPv4 behind a tag", http4(tags=(VLAN,))[:37], MALFORMED),
    one(
        "malformed is not mirrored by a rule that accepts everything",
        ethernet(ip4(tcp(), ihl=3)),
        MALFORMED,
        setup(),
    ),
]

OPTIONS = [
    one(
        f"ports behind {size} bytes of IPv4 options",
        ethernet(ip4(tcp(), options=b"\x01" * size)),
        mirrored(54 + size),
        HTTP_ONLY,
    )
    for size in (4, 20, 40)
]

FIRST, MIDDLE, LAST = (
    ethernet(ip4(tcp(size=40), flags=flags, frag=offset)) for flags, offset in (("MF", 0), ("MF", 5), (0, 10))
)
CUT = [http4()[: 34 + size] for size in range(6)]

NO_PORTS: list[Case] = [
    one("a first fragment has its ports", FIRST, whole(FIRST), HTTP_ONLY),
    one("a first fragment has its ports: dropped by them", FIRST, DROPPED, NOT_HTTP),
    one("a middle fragment has no ports", MIDDLE, NO_RULE, HTTP_ONLY),
    one("a last fragment has no ports", LAST, NO_RULE, HTTP_ONLY),
    one("a last fragment passes a drop on ports", LAST, whole(LAST), NOT_HTTP),
    one("a last fragment is still TCP", LAST, whole(LAST), setup(ingress=[rule(protocol="TCP")])),
    one("a last fragment is not UDP", LAST, NO_RULE, setup(ingress=[rule(protocol="UDP")])),
    one(
        "a fragment does not match 0/65535",
        LAST,
        NO_RULE,
        setup(ingress=[rule(protocol="TCP", dports="0/65535")]),
    ),
    one("don't fragment is no fragment", ethernet(ip4(tcp(), flags="DF")), mirrored(54), HTTP_ONLY),
    one("the reserved bit is no fragment", ethernet(ip4(tcp(), flags="evil")), mirrored(54), HTTP_ONLY),
    *(one(f"{size} bytes of TCP: no ports", CUT[size], NO_RULE, HTTP_ONLY) for size in range(4)),
    *(
        one(
            f"{size} bytes of TCP: still TCP",
            CUT[size],
            whole(CUT[size]),
            setup(ingress=[rule(protocol="TCP")]),
        )
        for size in range(4)
    ),
    *(one(f"{size} bytes of TCP: both ports", CUT[size], whole(CUT[size]), HTTP_ONLY) for size in (4, 5)),
    one(
        "cut ports do not match a source port range alone",
        CUT[3],
        NO_RULE,
        setup(ingress=[rule(protocol="TCP", sports="40000/40000")]),
    ),
    one("ports past the total length are not there", ethernet(ip4(tcp(), len=23)), NO_RULE, HTTP_ONLY),
    one("ports within the total length are", ethernet(ip4(tcp(), len=24)), mirrored(38), HTTP_ONLY),
    one("ports in the padding are not there", ethernet(ip4(b"") + tcp()), NO_RULE, HTTP_ONLY),
    one(
        "a UDP length that lies is not looked at",
        ethernet(ip4(udp()[:4] + b"\xff\xff\0\0" + filler(9), proto=17)),
        mirrored(51),
    ),
]

CASES = [*TAGS, *LIES, *OPTIONS, *NO_PORTS]
