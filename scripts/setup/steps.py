"""What a step of the set-up is, when it may be skipped, and how it is reported.

A step is skipped when its outputs exist and its stamp holds the hash of the same inputs: the
files that it reads, the facts that it depends on and the version of its recipe. A stamp is written
only after a step has succeeded, so an interrupted step runs again.
"""

import hashlib
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import layout


class SetupError(Exception):
    """A step cannot be done. `cure` tells the reader how to go on."""

    def __init__(self, why: str, cure: str = ""):
        super().__init__(why)
        self.cure = cure


@dataclass(frozen=True)
class Step:
    """One part of the set-up.

    `run` does the work and returns a few words about the result. `inputs` are files, whose
    contents count, or strings, which count as they are. `outputs` must exist afterwards.
    """

    name: str
    run: Callable[[], str]
    inputs: Iterable[Path | str]
    outputs: Iterable[Path] = field(default_factory=tuple)

    @property
    def stamp(self) -> Path:
        return layout.STAMPS / self.name

    def key(self) -> str:
        """The hash of all that the outputs depend on; the project's own place is part of it,
        because virtual environments and CMake files hold absolute paths."""
        digest = hashlib.sha256(str(layout.ROOT).encode())
        for item in self.inputs:
            content = item.read_bytes() if isinstance(item, Path) else item.encode()
            digest.update(f"\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    def is_done(self) -> bool:
        """Whether the outputs are there and were made from the inputs of today."""
        made_here = self.stamp.is_file() and self.stamp.read_text() == self.key()
        return made_here and all(path.exists() for path in self.outputs)

    def ensure(self) -> None:
        """Run the step unless it is done, and print one line about it."""
        print(f"{self.name:<22}", end=" ", flush=True)
        if self.is_done():
            print("skipped  up to date", flush=True)
            return
        started = time.monotonic()
        try:
            result = self.perform()
        except BaseException:
            print("failed", flush=True)
            raise
        print(f"done     {time.monotonic() - started:5.1f} s  {result}", flush=True)

    def perform(self) -> str:
        """Run the step and stamp it if it succeeds; what `run` says about the result."""
        self.stamp.unlink(missing_ok=True)
        result = self.run()
        missing = [layout.shown(path) for path in self.outputs if not path.exists()]
        if missing:
            raise SetupError(f"the step ended without making {', '.join(missing)}")
        self.stamp.parent.mkdir(parents=True, exist_ok=True)
        self.stamp.write_text(self.key())
        return result


def report(step: str, error: SetupError) -> None:
    """Say on stderr which step failed, why, and how to go on."""
    print(f"\nsetup: step `{step}` failed: {error}", file=sys.stderr)
    if error.cure:
        print(f"  cure: {error.cure}", file=sys.stderr)
