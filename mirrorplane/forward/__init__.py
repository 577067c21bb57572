"""Where mirrored packets go: files, memory, an AF_PACKET ring.

Must not know why a packet was chosen, or what is in it. `sink` is the port that all of them implement.
"""
