"""What has to be true of the copies that leave for a sensor."""

from collections import defaultdict
from typing import Any

from tests.engines.live.mirror import Mirror
from tests.engines.live.network import EGRESS, EVERYTHING, INGRESS, document
from tests.engines.live.traffic import Sent
from tests.engines.live.wire import (
    TCP,
    Copy,
    Segment,
    are_checksums_right,
    are_in_order,
    is_whole,
    protocol,
    said_length,
    stream,
    tcp,
    with_data,
)

MTU = 1500
"""Of the mirrored wire."""

WANTED = {"seen", "mirrored", "arp", "no_rule"}
"""What is counted where nothing is lost."""

EVERYTHING6 = EVERYTHING | {"priority": 2, "source_cidr_block": "::/0", "destination_cidr_block": "::/0"}


def truncating(packet_length: int) -> dict[str, Any]:
    """Return the document, with another PacketLength in both of its sessions."""
    said = document()
    for name in said["sessions"]:
        said["sessions"][name]["packet_length"] = packet_length
    return said


def in_both_versions() -> dict[str, Any]:
    """Return the document, with IPv6 mirrored too."""
    said = document()
    for direction, name in (("ingress", "tmf-in"), ("egress", "tmf-out")):
        said["filters"][name][direction] = [EVERYTHING, EVERYTHING6]
    return said


def of(found: list[Copy], number: int) -> list[Copy]:
    """Return the copies of packets of an IP protocol."""
    return [copy for copy in found if protocol(copy.frame) == number]


def check_counts(mirror: Mirror, found: list[Copy]) -> None:
    """Assert that what is counted as mirrored left, and that nothing that should have been was lost."""
    counted = mirror.counted()
    assert {reason for count in counted.values() for reason in count} <= WANTED
    left = {"ingress": [copy.vni for copy in found].count(INGRESS)}
    left["egress"] = len(found) - left["ingress"]
    mirrored = {way: counted[way]["mirrored"] for way in left}
    assert mirrored == left, f"{mirrored} counted, {left} left"


def check_streams(
    found: list[Copy], ends: tuple[Sent, Sent], there: int = EGRESS, back: int = INGRESS
) -> None:
    """Assert that both directions of a connection were mirrored; *there* and *back* are their VNIs."""
    segments = [(copy, tcp(copy.frame)) for copy in of(found, TCP)]
    flow = [(copy, segment) for copy, segment in segments if segment.ports == {end.port for end in ends}]
    assert len({copy.port for copy, _ in flow}) == 1, "a conversation keeps to one outer source port"
    for sent, vni in zip(ends, (there, back), strict=True):
        own = [(copy, segment) for copy, segment in flow if segment.source_port == sent.port]
        assert {copy.vni for copy, _ in own} == {vni}
        check_frames([copy.frame for copy, _ in own])
        check_stream([segment for _, segment in own], sent)


def check_frames(frames: list[bytes]) -> None:
    """Assert that the wire could have carried them, whole and right."""
    assert max(said_length(frame) for frame in frames) <= MTU
    assert all(is_whole(frame) and are_checksums_right(frame) for frame in frames)


def check_stream(segments: list[Segment], sent: Sent) -> None:
    """Assert that one direction's segments are those sent: every byte, in order."""
    assert sent.received == sent.content
    assert stream(segments) == sent.content
    assert len(with_data(segments)) == sent.data_segments
    assert are_in_order(segments) or sent.n_overtaken


def differences(found: list[Copy], wanted: list[Copy]) -> list[str]:
    """Return where the frames of a VNI and an outer source port are not the same, in order, a line each."""
    wrong, ours, theirs = [], _flows(found), _flows(wanted)
    for flow in ours.keys() | theirs.keys():
        one, other = ours[flow], theirs[flow]
        if one != other:
            pairs = enumerate(zip(one, other, strict=False))
            first = next((f"{at}: {a.hex()}, expected {b.hex()}" for at, (a, b) in pairs if a != b), "")
            wrong.append(f"{flow}: {len(one)} frames, expected {len(other)}; {first}")
    return wrong


def _flows(copies: list[Copy]) -> dict[tuple[int, int], list[bytes]]:
    found = defaultdict(list)
    for copy in copies:
        found[copy.vni, copy.port].append(copy.frame)
    return found
