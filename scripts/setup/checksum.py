"""Files that must be exactly the known ones: their size and their SHA-256."""

import hashlib
from pathlib import Path

from steps import SetupError


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def matches(path: Path, size_bytes: int, digest: str) -> bool:
    """Whether `path` is a file of this size and hash."""
    return path.is_file() and path.stat().st_size == size_bytes and sha256(path) == digest


def require(path: Path, size_bytes: int, digest: str) -> None:
    """Refuse any other file, saying what was found."""
    found_bytes = path.stat().st_size
    if found_bytes != size_bytes:
        raise SetupError(f"{path.name} has {found_bytes} bytes, expected {size_bytes}")
    found = sha256(path)
    if found != digest:
        raise SetupError(f"{path.name} has the SHA-256 {found}, expected {digest}")
