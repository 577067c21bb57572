"""SCTP (RFC 9260): the common header.

Owns where its checksum lies, which is a CRC32c (`crc32c`). Must not know chunks.
"""

CHECKSUM = slice(8, 12)
