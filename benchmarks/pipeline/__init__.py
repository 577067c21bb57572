"""The stages in memory, on one core: batches in, encapsulated frames out; nothing is read or sent.

* `memory`:  frames that lie there, copies that go there;
* `limits`:  memcpy of the same bytes;
* `sizes`:   by frame size and PacketLength, beside the limits;
* `scaling`: by number of rules and of sessions.
"""
