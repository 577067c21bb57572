"""A descriptor read once: peeking, short reads of a pipe, counting."""

import os

from mirrorplane.capture.inlet import Descriptor


def test_what_was_peeked_at_is_read_again_and_counted_once() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"abc")
    os.write(writing, b"defgh")
    os.close(writing)
    inlet, space = Descriptor(reading, None), bytearray(3)
    assert inlet.peek(4) == b"abcd"
    assert inlet.peek(2) == b"ab"
    assert inlet.consumed == 0
    assert [inlet.read_into(memoryview(space)), bytes(space)] == [3, b"abc"]
    assert inlet.read(1) == b"d"
    assert inlet.exactly(100) == b"efgh"
    assert [inlet.consumed, inlet.read(1), inlet.peek(4)] == [8, b"", b""]
    inlet.close()
    inlet.close()
