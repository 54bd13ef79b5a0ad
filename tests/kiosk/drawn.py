"""What a PDF of reportlab draws, as its page operators: Latin text stands in parentheses."""

from __future__ import annotations

import base64
import re
import zlib


def drawn(file: bytes) -> str:
    """The operators of all pages; a stream that is no page (a font) is passed over."""
    found = re.findall(rb"/ASCII85Decode /FlateDecode.*?stream\r?\n(.*?)endstream", file, re.DOTALL)
    plain = (zlib.decompress(base64.a85decode(b"<~" + s.strip(), adobe=True)) for s in found)
    return "".join(page.decode("latin-1") for page in plain)
