"""A device's offloads, switched off (ethtool(8), include/linux/netdev_features.h).

Owns which of the kernel's features do what, and that what is asked for has come true. Must not know whose
device it is.

Features go by name, and the names differ by kernel: each that the device has and lets be changed is switched,
no other is mentioned (a request that mentions one that cannot be changed may change nothing at all).
"""

import re
from contextlib import closing, suppress
from errno import ENODEV, EOPNOTSUPP

from pyroute2.ethtool.ioctl import EthtoolError, IoctlEthtool, NoSuchDevice, NotSupportedError

from mirrorplane.engines.kernel.bpf.libbpf import RefusedError
from mirrorplane.engines.kernel.host.refusals import asking

SENDING = re.compile(r"tx-(.*-?segmentation|gso-.*|udp-fragmentation|checksum-.*|scatter-gather.*|vlan-.*)")
"""What lets a sender leave work to its device: segments (`gso` is tx-generic-segmentation), checksums, the
gathering of a frame's parts, VLAN tags. Without them the kernel has done all of it before the device."""

RECEIVING = re.compile(r"rx-(gro.*|lro|udp-gro-.*|vlan-.*-?parse)")
"""What lets a receiver hand on something else than came in: merged segments, VLAN tags beside the frame."""


def switch_off(device: str, which: re.Pattern[str]) -> list[str]:
    """Switch off what *which* matches on *device*, of this thread's namespace; return what stays on anyway.

    Raises RefusedError where the device is not there or its features may not be changed.
    """
    with asking(f"{device}: switching offloads off"), closing(IoctlEthtool(device)) as ethtool:
        try:
            return _switch_off(ethtool, which)
        except NoSuchDevice:
            raise OSError(ENODEV, "there is no such device") from None
        except EthtoolError:
            raise RefusedError(f"{device}: its offloads cannot be asked for", EOPNOTSUPP) from None


def _switch_off(ethtool: IoctlEthtool, which: re.Pattern[str]) -> list[str]:
    features = ethtool.get_features()
    for name, is_on, is_changeable, *_ in features:
        if is_on and is_changeable and which.fullmatch(name):
            features[name] = False
    with suppress(NotSupportedError):  # also raised where it was done in part: what counts is read back
        ethtool.set_features(features)
    return [name for name, is_on, *_ in ethtool.get_features() if is_on and which.fullmatch(name)]
