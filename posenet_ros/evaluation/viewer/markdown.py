"""Texts of others in the Markdown of the page."""

from __future__ import annotations

import re

SPECIAL = re.compile(r'([\\`*_{}\[\]<>#|~&:!$@])')


def plain(text: str) -> str:
    """
    Return a text, such as the name of a file, as Markdown that shows it as it is.

    viser's Markdown is MDX: what stands in braces would be run in the browser. Any punctuation may
    be escaped (CommonMark 0.31, section 2.4); a line's end would end the paragraph.
    """
    line = ''.join(letter if letter.isprintable() else ' ' for letter in text)
    return SPECIAL.sub(r'\\\1', line)
