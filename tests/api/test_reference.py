"""The page: all that a schema says, and nothing that runs."""

import re

from mirrorplane.api.reference import Example, page
from tests.api.echo import Echo


def test_all_that_a_schema_says_is_there_and_escaped() -> None:
    text = page([Echo()], [Example("Python", "if 1 < 2: <script>")])
    for shown in (
        "<h2>Echo &amp; sons</h2>",
        '<h3 id="echo-Echo">Echo</h3><p>Says it again, &lt;b&gt;louder&lt;/b&gt;.</p>',
        "<td>Words.N</td><td>list of strings</td><td>yes</td><td>1 to 10 of them</td><td>What is said.</td>",
        "<td>Voice</td><td>string</td><td></td><td>low, high; default low</td><td>How.</td>",
        "<td>Twice</td><td>boolean</td><td></td><td>default false</td>",
        "<td>Tag.N</td><td>list of objects</td><td></td><td>at most 20 of them</td>",
        "<td>Tag.N.Key</td><td>string</td><td></td><td>at least 1 characters</td>",
        "<td>Words[]</td><td>list of strings</td><td>What was said.</td>",
        "<pre>if 1 &lt; 2: &lt;script&gt;</pre>",
        '<a href="#echo-Echo">Echo</a>',
    ):
        assert shown in text
    assert not re.search(r"<script| on\w+=|https?:|<link|<img", text)
