"""One room renders: the same data for a terminal, as Markdown, as pictures, and for the README.

Owns what a report looks like. Must not know how a figure came about.

* `words`:    figures, targets and machines as text, the same everywhere;
* `terminal`: tables as they come;
* `markdown`: the page;
* `plots`:    its pictures, the only import of matplotlib;
* `document`: a folder with all of it, and from JSON again;
* `readme`:   the README's part of it, between two markers.
"""
