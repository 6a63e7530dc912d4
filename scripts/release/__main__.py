"""Pack what a robot needs, with no compiler: `python3 scripts/release [--out FOLDER] [--deb]`, after `make build` and
with `.deps/env.sh` sourced. `make release` does it all.

Writes `dist/vedette-<version>-linux-<machine>-<ROS distribution>.tar.gz`: one folder with the programs, stripped, ONNX
Runtime for the CPU, the message package, launch files, configurations, the models' manifests, an install note and the
licenses of all that is inside; never weights. With `--deb` also a Debian package that puts the same under /opt/vedette.

Two runs over one build give the same bytes: files are sorted, belong to root, and have the time that
SOURCE_DATE_EPOCH gives, else that of the last commit.
"""

import argparse
import os
import platform
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "setup"))

import archive
import layout
import licenses
import note
import prefix
import process
from steps import SetupError, report


def version() -> str:
    """The crate's version."""
    found = re.search(r'^version = "([^"]+)"', (layout.ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    if found is None:
        raise SetupError("Cargo.toml names no version")
    return found[1]


def timestamp() -> int:
    """Seconds since 1970 for all files."""
    told = os.environ.get("SOURCE_DATE_EPOCH") or process.output(["git", "-C", layout.ROOT, "log", "-1", "--format=%ct"])
    if not told.isdigit():
        raise SetupError(f"no time for the files: {told!r}", "set SOURCE_DATE_EPOCH to seconds since 1970, or pack a clone")
    return int(told)


def release(out: Path, with_deb: bool) -> list[Path]:
    """Stage, describe and pack; what was written."""
    distro = os.environ.get("ROS_DISTRO", "")
    name = f"vedette-{version()}-linux-{platform.machine()}-{distro}"
    out.mkdir(parents=True, exist_ok=True)
    when = timestamp()
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        prefix.stage(folder)
        licenses.write(folder / "licenses")
        note.write(folder, version(), distro)
        written = [archive.tarball(folder, out / f"{name}.tar.gz", when)]
        if with_deb:
            written.append(archive.debian_package(folder, out / f"{name}.deb", note.control(folder, version()), when))
    return written


def main() -> int:
    """Parse the command line and pack."""
    parser = argparse.ArgumentParser(
        prog="scripts/release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=layout.ROOT / "dist", help="where to; by default dist/")
    parser.add_argument("--deb", action="store_true", help="also a Debian package")
    parser.add_argument("--licenses", type=Path, metavar="FOLDER", help="only write the licenses, into a new folder")
    arguments = parser.parse_args()
    try:
        if arguments.licenses is not None:
            licenses.write(arguments.licenses)
            return 0
        for path in release(arguments.out.absolute(), arguments.deb):
            print(f"{layout.shown(path)}: {path.stat().st_size / 1e6:.1f} MB")
    except SetupError as error:
        report("release", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
