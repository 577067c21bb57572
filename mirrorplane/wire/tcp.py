"""TCP (RFC 9293; CWR: RFC 3168).

Owns the header's fields. Must not know who cuts a stream into segments.
"""

SEQUENCE = slice(4, 8)
OFFSET_FLAGS = slice(12, 14)
CHECKSUM = slice(16, 18)
URGENT_POINTER = slice(18, 20)
HEADER_LEN = URGENT_POINTER.stop

OFFSET_SHIFT = 12
"""The data offset, in words of 4 bytes, is the top bits of OFFSET_FLAGS."""

FIN, PSH, CWR = 0x01, 0x08, 0x80
