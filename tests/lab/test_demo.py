"""The demo's network: it talks, and its configuration is one."""

import pytest
from scapy.layers.dns import DNS
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from mirrorplane.capture.device import inspect
from mirrorplane.lab.demo import demo, serve
from mirrorplane.lab.namespaces import LabError
from mirrorplane.model import read


def test_everybody_talks_and_the_recorder_hears_it() -> None:
    with demo() as built:
        built.serve()
        with built.record_source() as source:
            done = list(built.talk())
    assert [each.exchanges for each in done] == [3, 4, 3, 4]
    assert [each.payload_bytes for each in done] == [17300, 226, 17300, 226]
    frames = [Ether(seen.frame) for seen in source.frames]
    assert {frame[TCP].dport for frame in frames if TCP in frame} >= {80}
    assert sum(DNS in frame for frame in frames) == 16
    assert max(len(frame) for frame in frames) == 1514, "the link carries wire frames"


def test_the_configuration_fits_the_network() -> None:
    with demo() as built:
        configuration = read(built.configuration(), "demo.yaml")
        web = configuration.interfaces["eni-web"]
        assert web.device is not None
        device = inspect(web.device, built.host.namespace.reference)
        assert device.side == web.side == "host"
        assert inspect("eth0", built.web.namespace.reference).mac == web.mac
        sensor = inspect("eth0", built.sensor.namespace.reference)
        assert set(configuration.interfaces["eni-sensor"].addresses) <= set(sensor.addresses)


def test_a_server_that_cannot_listen_is_an_error() -> None:
    with demo() as built, pytest.raises(LabError, match="http-server on web does not listen: "):
        serve(built.web, "http-server", "203.0.113.1", 80)
