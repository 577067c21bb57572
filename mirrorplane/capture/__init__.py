"""Where packets come from: files, standard input, memory, an AF_PACKET ring.

Must not know rules, targets, or what is done with a packet. `source` is the port that all of them implement.
"""
