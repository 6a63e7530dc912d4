"""Packing a folder so that the same files give the same bytes: sorted, owned by root, one time for all."""

import gzip
import os
import shutil
import tarfile
from pathlib import Path

import process
from prefix import PREFIX
from steps import SetupError

# What dpkg-deb packs; the command belongs to every Debian and Ubuntu.
DPKG_DEB = "dpkg-deb"


def mode_of(path: Path) -> int:
    """Readable by all and, what its owner may run, run by all; whatever the umask was."""
    return 0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644


def tarball(folder: Path, target: Path, when: int) -> Path:
    """`folder` as a tar.gz; `target` appears whole or not at all."""

    def as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        path = folder.parent / entry.name
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime = when
        entry.mode = 0o777 if entry.issym() else mode_of(path)
        return entry

    partial = target.with_name(f"{target.name}.partial")
    with partial.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=when) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path in [folder, *sorted(folder.rglob("*"))]:
                tar.add(path, str(path.relative_to(folder.parent)), recursive=False, filter=as_root)
    return partial.replace(target)


def debian_package(folder: Path, target: Path, control: str, when: int) -> Path:
    """The same files under `PREFIX`, and the command `vedette` on the PATH."""
    if shutil.which(DPKG_DEB) is None:
        raise SetupError(f"there is no program `{DPKG_DEB}`", "pack on Debian or Ubuntu, or without --deb")
    root = folder.with_name("root")
    inside = root / PREFIX.relative_to("/")
    shutil.copytree(folder, inside, symlinks=True)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/vedette").symlink_to(PREFIX / "lib/vedette/vedette")
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN/control").write_text(control)
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(mode_of(path))
        os.utime(path, (when, when), follow_symlinks=False)
    process.run(
        "release",
        [DPKG_DEB, "--root-owner-group", "-Zxz", "--build", root, target],
        env=os.environ | {"SOURCE_DATE_EPOCH": str(when)},
        cure="see to the disk's space",
    )
    return target
