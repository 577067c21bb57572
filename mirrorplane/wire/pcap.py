"""pcap (draft-ietf-opsawg-pcap), and the link types it shares with pcapng (draft-ietf-opsawg-pcaplinktype).

Owns the file header, the record header, and the names of the LINKTYPE_ registry. Must not know files,
batches, or what a frame holds. Numbers are in the order of the machine that wrote the file: the magic tells.
"""

from typing import NamedTuple

from mirrorplane.jit import U8, inline
from mirrorplane.jit.memory import Order, be16, be32, le16, le32, put_le32

MAGIC = slice(0, 4)
VERSION_MAJOR = slice(4, 6)
VERSION_MINOR = slice(6, 8)
SNAPLEN = slice(16, 20)
"""What a record should hold at most. Files lie about it, so nothing is decided by it."""
LINK_TYPE = slice(20, 24)
FILE_HEADER_LEN = LINK_TYPE.stop
"""Between version and snaplen lie eight bytes that writers set to zero and readers ignore (section 4)."""

MICROSECONDS, NANOSECONDS = 0xA1B2C3D4, 0xA1B23C4D
VERSION = (2, 4)

FOREIGN_MAGICS = {
    0xA1B2CD34: "Kuznetzov's modified pcap",
    0xA1B234CD: "Mesquita's modified pcap",
    0xA12B3C4D: "Navtel's pcap",
    0x1C0001AC: "lcap of Ixia's hardware",
    0x1C0001AB: "lcap of Ixia's software",
}
"""Relatives that look like pcap and are not (libpcap's sf-pcap.c, Wireshark's wiretap): refused by name."""

SECONDS = slice(0, 4)
FRACTION = slice(4, 8)
CAPTURED_LENGTH = slice(8, 12)
ORIGINAL_LENGTH = slice(12, 16)
RECORD_HEADER_LEN = ORIGINAL_LENGTH.stop

MAX_SECONDS = 0xFFFF_FFFF
"""Seconds are unsigned (section 5): times from 1970 to 2106."""

MAX_FRAME_LEN = 1 << 20
"""Longer than any frame: BIG TCP makes super-packets of up to half of this (Linux, GSO_MAX_SIZE)."""

SNAPLEN_WRITTEN = 262_144
"""What libpcap's own writers say; some readers refuse a file that says more."""

ETHERNET = 1
_LINK_TYPE_MASK, _RESERVED_MASK = 0xFFFF, 0x0BFF_0000
_FCS_PRESENT, _FCS_SHIFT, _FCS_UNIT = 0x0400_0000, 28, 2

_SECONDS_AT, _FRACTION_AT = SECONDS.start, FRACTION.start
_CAPTURED_AT, _ORIGINAL_AT = CAPTURED_LENGTH.start, ORIGINAL_LENGTH.start

_USER = range(147, 163)
LINK_TYPES = {
    0: "NULL",
    1: "ETHERNET",
    2: "EXP_ETHERNET",
    3: "AX25",
    4: "PRONET",
    5: "CHAOS",
    6: "IEEE802_5",
    7: "ARCNET_BSD",
    8: "SLIP",
    9: "PPP",
    10: "FDDI",
    50: "PPP_HDLC",
    51: "PPP_ETHER",
    99: "SYMANTEC_FIREWALL",
    100: "ATM_RFC1483",
    101: "RAW",
    102: "SLIP_BSDOS",
    103: "PPP_BSDOS",
    104: "C_HDLC",
    105: "IEEE802_11",
    106: "ATM_CLIP",
    107: "FRELAY",
    108: "LOOP",
    109: "ENC",
    110: "LANE8023",
    111: "HIPPI",
    112: "NETBSD_HDLC",
    113: "LINUX_SLL",
    114: "LTALK",
    115: "ECONET",
    116: "IPFILTER",
    117: "PFLOG",
    118: "CISCO_IOS",
    119: "IEEE802_11_PRISM",
    120: "IEEE802_11_AIRONET",
    121: "HHDLC",
    122: "IP_OVER_FC",
    123: "SUNATM",
    124: "RIO",
    125: "PCI_EXP",
    126: "AURORA",
    127: "IEEE802_11_RADIOTAP",
    128: "TZSP",
    129: "ARCNET_LINUX",
    130: "JUNIPER_MLPPP",
    131: "JUNIPER_MLFR",
    132: "JUNIPER_ES",
    133: "JUNIPER_GGSN",
    134: "JUNIPER_MFR",
    135: "JUNIPER_ATM2",
    136: "JUNIPER_SERVICES",
    137: "JUNIPER_ATM1",
    138: "APPLE_IP_OVER_IEEE1394",
    139: "MTP2_WITH_PHDR",
    140: "MTP2",
    141: "MTP3",
    142: "SCCP",
    143: "DOCSIS",
    144: "LINUX_IRDA",
    145: "IBM_SP",
    146: "IBM_SN",
    163: "IEEE802_11_AVS",
    164: "JUNIPER_MONITOR",
    165: "BACNET_MS_TP",
    166: "PPP_PPPD",
    167: "JUNIPER_PPPOE",
    168: "JUNIPER_PPPOE_ATM",
    169: "GPRS_LLC",
    170: "GPF_T",
    171: "GPF_F",
    172: "GCOM_T1E1",
    173: "GCOM_SERIAL",
    174: "JUNIPER_PIC_PEER",
    175: "ERF_ETH",
    176: "ERF_POS",
    177: "LINUX_LAPD",
    178: "JUNIPER_ETHER",
    179: "JUNIPER_PPP",
    180: "JUNIPER_FRELAY",
    181: "JUNIPER_CHDLC",
    182: "MFR",
    183: "JUNIPER_VP",
    184: "A429",
    185: "A653_ICM",
    186: "USB_FREEBSD",
    187: "BLUETOOTH_HCI_H4",
    188: "IEEE802_16_MAC_CPS",
    189: "USB_LINUX",
    190: "CAN20B",
    191: "IEEE802_15_4_LINUX",
    192: "PPI",
    193: "IEEE802_16_MAC_CPS_RADIO",
    194: "JUNIPER_ISM",
    195: "IEEE802_15_4_WITHFCS",
    196: "SITA",
    197: "ERF",
    198: "RAIF1",
    199: "IPMB_KONTRON",
    200: "JUNIPER_ST",
    201: "BLUETOOTH_HCI_H4_WITH_PHDR",
    202: "AX25_KISS",
    203: "LAPD",
    204: "PPP_WITH_DIR",
    205: "C_HDLC_WITH_DIR",
    206: "FRELAY_WITH_DIR",
    207: "LAPB_WITH_DIR",
    209: "I2C_LINUX",
    210: "FLEXRAY",
    211: "MOST",
    212: "LIN",
    213: "X2E_SERIAL",
    214: "X2E_XORAYA",
    215: "IEEE802_15_4_NONASK_PHY",
    216: "LINUX_EVDEV",
    217: "GSMTAP_UM",
    218: "GSMTAP_ABIS",
    219: "MPLS",
    220: "USB_LINUX_MMAPPED",
    221: "DECT",
    222: "AOS",
    223: "WIHART",
    224: "FC_2",
    225: "FC_2_WITH_FRAME_DELIMS",
    226: "IPNET",
    227: "CAN_SOCKETCAN",
    228: "IPV4",
    229: "IPV6",
    230: "IEEE802_15_4_NOFCS",
    231: "DBUS",
    232: "JUNIPER_VS",
    233: "JUNIPER_SRX_E2E",
    234: "JUNIPER_FIBRECHANNEL",
    235: "DVB_CI",
    236: "MUX27010",
    237: "STANAG_5066_D_PDU",
    238: "JUNIPER_ATM_CEMIC",
    239: "NFLOG",
    240: "NETANALYZER",
    241: "NETANALYZER_TRANSPARENT",
    242: "IPOIB",
    243: "MPEG_2_TS",
    244: "NG40",
    245: "NFC_LLCP",
    246: "PFSYNC",
    247: "INFINIBAND",
    248: "SCTP",
    249: "USBPCAP",
    250: "RTAC_SERIAL",
    251: "BLUETOOTH_LE_LL",
    252: "WIRESHARK_UPPER_PDU",
    253: "NETLINK",
    254: "BLUETOOTH_LINUX_MONITOR",
    255: "BLUETOOTH_BREDR_BB",
    256: "BLUETOOTH_LE_LL_WITH_PHDR",
    257: "PROFIBUS_DL",
    258: "PKTAP",
    259: "EPON",
    260: "IPMI_HPM_2",
    261: "ZWAVE_R1_R2",
    262: "ZWAVE_R3",
    263: "WATTSTOPPER_DLM",
    264: "ISO_14443",
    265: "RDS",
    266: "USB_DARWIN",
    267: "OPENFLOW",
    268: "SDLC",
    269: "TI_LLN_SNIFFER",
    270: "LORATAP",
    271: "VSOCK",
    272: "NORDIC_BLE",
    273: "DOCSIS31_XRA31",
    274: "ETHERNET_MPACKET",
    275: "DISPLAYPORT_AUX",
    276: "LINUX_SLL2",
    277: "SERCOS_MONITOR",
    278: "OPENVIZSLA",
    279: "EBHSCR",
    280: "VPP_DISPATCH",
    281: "DSA_TAG_BRCM",
    282: "DSA_TAG_BRCM_PREPEND",
    283: "IEEE802_15_4_TAP",
    284: "DSA_TAG_DSA",
    285: "DSA_TAG_EDSA",
    286: "ELEE",
    287: "Z_WAVE_SERIAL",
    288: "USB_2_0",
    289: "ATSC_ALP",
    290: "ETW",
    291: "NETANALYZER_NG",
    292: "ZBOSS_NCP",
    293: "USB_2_0_LOW_SPEED",
    294: "USB_2_0_FULL_SPEED",
    295: "USB_2_0_HIGH_SPEED",
    296: "AUERSWALD_LOG",
    297: "ZWAVE_TAP",
    298: "SILABS_DEBUG_CHANNEL",
    299: "FIRA_UCI",
    300: "MDB",
    301: "DECT_NR",
    302: "EDK2_MM",
    303: "DEBUG_ONLY",
    304: "DECT_NR_TAP",
}
"""The LINKTYPE_ registry (https://www.tcpdump.org/linktypes.html), less those reserved for private use."""


class FileHeader(NamedTuple):
    """A file header as a value. `fcs_len` counts the bytes of the check sequence that ends each frame."""

    order: Order
    nanoseconds: bool
    link_type: int = ETHERNET
    fcs_len: int = 0
    snaplen: int = SNAPLEN_WRITTEN


def byte_order(octets: bytes) -> Order | None:
    """Return the order in which *octets* begin with a magic number of pcap, None if they do not."""
    orders: tuple[Order, Order] = ("little", "big")
    for order in orders:
        if int.from_bytes(octets[MAGIC], order) in {MICROSECONDS, NANOSECONDS, *FOREIGN_MAGICS}:
            return order
    return None


def parse_file_header(octets: bytes) -> FileHeader:
    """Return the file header that *octets* begin with. Raises ValueError saying why it cannot be read."""
    order = byte_order(octets)
    if order is None:
        raise ValueError("not a magic number of pcap")
    magic = int.from_bytes(octets[MAGIC], order)
    if magic in FOREIGN_MAGICS:
        raise ValueError(f"{FOREIGN_MAGICS[magic]} is not supported; editcap makes a pcap of it")
    if len(octets) < FILE_HEADER_LEN:
        raise ValueError(f"the file header is cut short: {len(octets)} of {FILE_HEADER_LEN} bytes")
    version = (int.from_bytes(octets[VERSION_MAJOR], order), int.from_bytes(octets[VERSION_MINOR], order))
    if version != VERSION:
        raise ValueError("pcap version {}.{} is not supported, only {}.{}".format(*version, *VERSION))
    link = int.from_bytes(octets[LINK_TYPE], order)
    if link & _RESERVED_MASK:
        raise ValueError(f"the link type 0x{link:08x} sets reserved bits")
    fcs_len = (link >> _FCS_SHIFT) * _FCS_UNIT if link & _FCS_PRESENT else 0
    snaplen = int.from_bytes(octets[SNAPLEN], order)
    return FileHeader(order, magic == NANOSECONDS, link & _LINK_TYPE_MASK, fcs_len, snaplen)


def emit_file_header(header: FileHeader) -> bytes:
    """Return the header's 24 bytes."""
    octets = bytearray(FILE_HEADER_LEN)
    fcs = _FCS_PRESENT | header.fcs_len // _FCS_UNIT << _FCS_SHIFT if header.fcs_len else 0
    for field, value in (
        (MAGIC, NANOSECONDS if header.nanoseconds else MICROSECONDS),
        (VERSION_MAJOR, VERSION[0]),
        (VERSION_MINOR, VERSION[1]),
        (SNAPLEN, header.snaplen),
        (LINK_TYPE, header.link_type | fcs),
    ):
        octets[field] = value.to_bytes(field.stop - field.start, header.order)
    return bytes(octets)


@inline
def half(data: U8, at: int, big: bool) -> int:
    """Return the 16-bit number at *at*, in network order if *big*."""
    return be16(data, at) if big else le16(data, at)


@inline
def word(data: U8, at: int, big: bool) -> int:
    """Return the 32-bit number at *at*, in network order if *big*."""
    return be32(data, at) if big else le32(data, at)


@inline
def captured_length(data: U8, at: int, big: bool) -> int:
    """Return how many bytes follow the record header at *at*, which must be whole."""
    return word(data, at + _CAPTURED_AT, big)


@inline
def original_length(data: U8, at: int, big: bool) -> int:
    """Return how long the packet of the record header at *at* was on the wire; the header must be whole."""
    return word(data, at + _ORIGINAL_AT, big)


@inline
def nanoseconds(data: U8, at: int, big: bool, scale: int) -> int:
    """Return the time of the record header at *at*; *scale* is how many nanoseconds its fraction's unit has.

    A fraction of a second or more is added as it is, as libpcap does.
    """
    return word(data, at + _SECONDS_AT, big) * 1_000_000_000 + word(data, at + _FRACTION_AT, big) * scale


@inline
def without_fcs(captured: int, original: int, fcs_len: int) -> int:
    """Return how many of the *captured* bytes come before the check sequence that ends all *original*."""
    return min(captured, max(original - fcs_len, 0))


@inline
def emit_record_header(data: U8, at: int, seconds: int, fraction: int, length: int) -> None:
    """Write the little-endian header of a record that holds the whole packet, *length* bytes, at *at*."""
    put_le32(data, at + _SECONDS_AT, seconds)
    put_le32(data, at + _FRACTION_AT, fraction)
    put_le32(data, at + _CAPTURED_AT, length)
    put_le32(data, at + _ORIGINAL_AT, length)


@inline
def to_nanoseconds(data: U8, at: int) -> None:
    """Turn the fraction of the little-endian record header at *at* from microseconds into nanoseconds."""
    put_le32(data, at + _FRACTION_AT, le32(data, at + _FRACTION_AT) * 1000)


def link_type_name(number: int) -> str:
    """Return "number (NAME)" as the LINKTYPE_ registry has it, for a message."""
    if number in _USER:
        return f"{number} (USER{number - _USER.start})"
    return f"{number} ({LINK_TYPES.get(number, 'not in the registry')})"
