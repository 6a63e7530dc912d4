"""The demo's footage: `vtest.avi` out of Debian's package `opencv-doc`.

768x576, 10 frames per second, 795 frames from a fixed camera: people walking, a van, a car
(PETS 2009, S2.L1, view 001). The package is downloaded with apt and unpacked into a scratch
folder: nothing is installed and no root is needed. Where apt has no package lists, they are
fetched into the scratch folder as well. Without apt, give a copy of the file in VEDETTE_VTEST_AVI.
"""

import os
import shutil
import tempfile
from pathlib import Path

import checksum
import layout
import process
from steps import SetupError, Step

PACKAGE = "opencv-doc"
VIDEO_BYTES = 8_131_690
VIDEO_SHA256 = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"
LOCAL_COPY = "VEDETTE_VTEST_AVI"
CURE = f"give the path of a local copy of vtest.avi in {LOCAL_COPY} and run again"


def step() -> Step:
    """The step that puts the video into `data/`."""
    return Step("footage", fetch, [layout.HERE / "footage.py"], [layout.VIDEO])


def fetch() -> str:
    """Take the local copy or the package's, check it, and put it in place, unless it is there."""
    target = layout.VIDEO
    if not checksum.matches(target, VIDEO_BYTES, VIDEO_SHA256):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=layout.DEPS) as scratch:
            given = os.environ.get(LOCAL_COPY)
            source = Path(given) if given else unpack_package(Path(scratch))
            if not source.is_file():
                raise SetupError(f"{LOCAL_COPY} names {source}, which is no file")
            checksum.require(source, VIDEO_BYTES, VIDEO_SHA256)
            copy = Path(scratch) / "copy.avi"
            shutil.copyfile(source, copy)
            copy.replace(target)
    return layout.shown(target)


def unpack_package(scratch: Path) -> Path:
    """The video inside the package, downloaded and unpacked under `scratch`."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise SetupError("there is no apt here to fetch the footage with", CURE)
    options = ["-o", "APT::Sandbox::User="]
    if not has_candidate(options):
        options += private_lists(scratch)
        process.run("footage", ["apt-get", *options, "update"], cure=CURE)
        if not has_candidate(options):
            cure = f"add the main archive of Debian, or Ubuntu's universe, to apt's sources; or {CURE}"
            raise SetupError(f"apt's sources offer no package {PACKAGE}", cure)
    process.run("footage", ["apt-get", *options, "download", PACKAGE], cwd=scratch, cure=CURE)
    packages = list(scratch.glob(f"{PACKAGE}_*.deb"))
    if len(packages) != 1:
        raise SetupError(f"apt-get download left {len(packages)} files of {PACKAGE}, expected 1", CURE)
    process.run("footage", ["dpkg-deb", "--extract", packages[0], scratch / "unpacked"], cure=CURE)
    videos = list((scratch / "unpacked").rglob(layout.VIDEO.name))
    if not videos:
        raise SetupError(f"{packages[0].name} holds no {layout.VIDEO.name}", CURE)
    return videos[0]


def has_candidate(options: list[str]) -> bool:
    """Whether apt, by its package lists, knows a version of the package."""
    return bool(process.output(["apt-cache", *options, "show", "--no-all-versions", PACKAGE]))


def private_lists(scratch: Path) -> list[str]:
    """Options that keep apt's package lists and cache in `scratch`, for which no root is needed."""
    state, cache = scratch / "apt-state", scratch / "apt-cache"
    (state / "lists" / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    return ["-o", f"Dir::State={state}", "-o", "Dir::State::status=/var/lib/dpkg/status", "-o", f"Dir::Cache={cache}"]
