"""Reads SQLCipher files with the key but without the library, as forensics would.

SQLCipher 4 (https://www.zetetic.net/sqlcipher/design/): pages of 4096 bytes, AES-256-CBC; the last
80 bytes of a page are its IV (16) and HMAC-SHA-512 (64); page 1 starts with a salt of 16 bytes. A
raw key is the AES key itself. WAL frames (https://www.sqlite.org/fileformat2.html section 4.1) have
a header of 24 bytes after the file's of 32.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PAGE = 4096
_RESERVED = 80
_SALT = 16
_WAL_HEADER, _FRAME_HEADER = 32, 24


def _decrypted(key: bytes, page: bytes, *, first: bool) -> bytes:
    start = _SALT if first else 0
    vector = page[PAGE - _RESERVED : PAGE - _RESERVED + 16]
    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    return decryptor.update(page[start : PAGE - _RESERVED]) + decryptor.finalize()


def database_pages(path: Path, key: bytes) -> Iterator[bytes]:
    """Every page of a database file in clear, also the free ones."""
    raw = path.read_bytes()
    for offset in range(0, len(raw) - PAGE + 1, PAGE):
        yield _decrypted(key, raw[offset : offset + PAGE], first=offset == 0)


def log_pages(path: Path, key: bytes) -> Iterator[bytes]:
    """Every page of a write-ahead log in clear, also those of frames that are out of date."""
    raw = path.read_bytes() if path.exists() else b""
    step = _FRAME_HEADER + PAGE
    for offset in range(_WAL_HEADER, len(raw) - step + 1, step):
        number = int.from_bytes(raw[offset : offset + 4], "big")
        page = raw[offset + _FRAME_HEADER : offset + step]
        yield _decrypted(key, page, first=number == 1)


def traces(path: Path, key: bytes, needle: bytes) -> int:
    """On how many pages of the file and its log the needle stands, in clear."""
    log = path.with_name(path.name + "-wal")
    pages = [*database_pages(path, key), *log_pages(log, key)]
    return sum(needle in page for page in pages)
