"""tshark, who knows nothing of us, decodes the stream without a complaint."""

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.cli.commands import PCAPS, mirrorplane
from tests.cli.test_replay import captures, flags

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
STRICT = ["ip.check_checksum:TRUE", "udp.check_checksum:TRUE", "udp.ignore_ipv6_zero_checksum:FALSE"]
WARNING = 0x600000
"""PI_WARN; PI_ERROR is above it, notes and chats (a TCP retransmission, a connection's end) below."""


def fields(capture: Path, *names: str) -> list[list[str]]:
    """Return the fields of each packet."""
    options = [word for option in STRICT for word in ("-o", option)]
    wanted = [word for name in names for word in ("-e", name)]
    command = ["tshark", "-n", "-r", str(capture), *options, "-T", "fields", "-E", "occurrence=a", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def mirrored(config: Path, case: str, folder: Path) -> Path:
    """Return the copies of a case's packets under *config*."""
    output = folder / "out.pcap"
    done = mirrorplane("replay", config, *flags(case), "-o", output)
    assert done.returncode == 0, done.stderr
    return output


def whole(case: str, target: str, folder: Path) -> Path:
    """Return a configuration that mirrors all of a case's packets whole."""
    given = yaml.safe_load((PCAPS / f"{case}.yaml").read_text())
    (source,) = {name for session in given["sessions"].values() for name in session["sources"]}
    interface = given["interfaces"][source]
    interface["addresses"] = [*interface["addresses"], "10.250.0.1", "2001:db8:250::1"]
    rules = [
        {
            "priority": priority,
            "action": "accept",
            "protocol": "ALL",
            "source_cidr_block": network,
            "destination_cidr_block": network,
        }
        for priority, network in enumerate(("0.0.0.0/0", "::/0"), 1)
    ]
    session = {
        "priority": 1,
        "sources": [source],
        "target": "eni-t",
        "filter": "tmf-a",
        "packet_length": 8500,
    }
    config = {
        "interfaces": {source: interface, "eni-t": {"addresses": [target], "mtu": 9500}},
        "filters": {"tmf-a": {"ingress": rules, "egress": rules}},
        "sessions": {"tms-a": session},
    }
    path = folder / "whole.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.mark.parametrize("target", ["10.250.0.9", "2001:db8:250::9"])
@pytest.mark.parametrize("case", ["tls", "dns", "icmp", "ssh", "vlan", "fragments", "http6"])
def test_whole_packets_decode_without_a_warning(case: str, target: str, tmp_path: Path) -> None:
    output = mirrored(whole(case, target, tmp_path), case, tmp_path)
    (original,) = captures(case).values()
    # What tshark has against a recorded program (its SSH messages, say) it says of the original as well.
    assert complaints(output) - complaints(original) == Counter()
    assert all(vni for (vni,) in fields(output, "vxlan.vni"))


def complaints(capture: Path) -> Counter[str]:
    """Return the warnings and errors that tshark has about a capture's packets."""
    return Counter(
        message
        for severities, message in fields(capture, "_ws.expert.severity", "_ws.expert.message")
        for severity in severities.split(",")
        if severity and int(severity) >= WARNING
    )


@pytest.mark.parametrize("case", ["http", "http6", "vlan", "qinq"])
def test_outer_headers_are_right_where_the_inner_packet_is_cut(case: str, tmp_path: Path) -> None:
    output = mirrored(PCAPS / f"{case}.yaml", case, tmp_path)
    names = (
        "ip.checksum.status",
        "udp.checksum.status",
        "udp.dstport",
        "udp.srcport",
        "vxlan.flags",
        "vxlan.vni",
    )
    rows = fields(output, *names)
    assert rows
    for _, outer_udp, ports, sources, flags_of, vni in rows:
        # 1 is good, 3 is not present (UDP over IPv4); tshark lists the outer header's value first.
        assert outer_udp.split(",")[0] in {"1", "3"}
        assert ports.split(",")[0] == "4789"
        assert int(sources.split(",")[0]) >= 49152
        assert int(flags_of, 16) == 0x0800
        assert vni
