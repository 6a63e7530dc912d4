"""`make release`: what is packed, that it can be made again, and that it runs where there is nothing else."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from installed import Shell
from repository import ROOT

sys.path[:0] = [str(ROOT / "scripts/release"), str(ROOT / "scripts/setup")]

import licenses  # noqa: E402

spec = importlib.util.spec_from_file_location("release_main", ROOT / "scripts/release/__main__.py")
release_main = importlib.util.module_from_spec(spec)
spec.loader.exec_module(release_main)

# The whole is what a robot fetches over its radio.
LARGEST_BYTES = 60_000_000
LARGEST_SHARED_BYTES = 1_000_000


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """Packs into a folder of its own, under the umask of a careful person; the tarball and the Debian package."""
    for program in ("vedette", "vedette_node"):
        if not (ROOT / "target/release" / program).exists():
            pytest.skip(f"target/release/{program} is not built: make build")
    if not os.environ.get("AMENT_PREFIX_PATH"):
        pytest.skip("no ROS environment: . .deps/env.sh")

    def pack(umask="022", deb=True):
        out = tmp_path_factory.mktemp("dist")
        command = f"umask {umask} && exec {sys.executable} scripts/release --out {out} {'--deb' * deb}"
        done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert sorted(out.iterdir()) == sorted(Path(ROOT, line.split(":")[0]) for line in done.stdout.splitlines())
        return {path.suffix: path for path in out.iterdir()}

    pack.first = pack(deb=shutil.which("dpkg-deb") is not None)
    return pack


@pytest.fixture(scope="module")
def unpacked(release, tmp_path_factory):
    """The folder that the tarball holds."""
    folder = tmp_path_factory.mktemp("robot")
    with tarfile.open(release.first[".gz"]) as tar:
        tar.extractall(folder)
    (inside,) = folder.iterdir()
    return inside


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_the_same_build_packed_again_gives_the_same_bytes(release):
    again = release(umask="077", deb=False)
    assert again[".gz"].name == release.first[".gz"].name
    assert again[".gz"].read_bytes() == release.first[".gz"].read_bytes()


def test_everything_belongs_to_root_and_can_be_read_by_all(release):
    with tarfile.open(release.first[".gz"]) as tar:
        entries = tar.getmembers()
    assert len({entry.mtime for entry in entries}) == 1
    assert {(entry.uid, entry.gid, entry.uname) for entry in entries} == {(0, 0, "root")}
    assert [entry.name for entry in entries if entry.isreg() and entry.mode not in (0o644, 0o755)] == []
    assert [entry.name for entry in entries if not (entry.isreg() or entry.isdir() or entry.issym())] == []


def test_the_time_of_the_files_is_told_or_that_of_the_last_commit(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert release_main.timestamp() == 1_700_000_000
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert release_main.timestamp() > 1_760_000_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(release_main.SetupError, match="yesterday"):
        release_main.timestamp()


def test_it_holds_no_weights_and_nothing_of_this_machine(release, unpacked):
    assert release.first[".gz"].stat().st_size < LARGEST_BYTES
    assert {path.name for path in files(unpacked / "share/vedette/models")} == {"model.toml"}
    assert [path for path in files(unpacked / "share") if path.stat().st_size > LARGEST_SHARED_BYTES] == []
    assert [path for path in files(unpacked) if path.suffix in (".onnx", ".safetensors", ".pyc")] == []
    texts = [path for path in files(unpacked) if b"\0" not in path.read_bytes()[:1000]]
    assert [path for path in texts if str(ROOT).encode() in path.read_bytes()] == []


def test_the_programs_are_stripped(unpacked):
    for name in ("vedette", "vedette_node"):
        sections = subprocess.run(
            ["readelf", "--section-headers", "--wide", unpacked / "lib/vedette" / name], capture_output=True, text=True
        ).stdout
        assert ".text" in sections and ".debug_line" not in sections and ".symtab" not in sections


def test_the_licenses_of_all_that_is_inside_are_inside(unpacked):
    text = (unpacked / "licenses/crates.txt").read_text()
    for crate in ("ort", "r2r", "zstd-sys", "mcap"):
        assert f"\n{crate} " in text
    assert text.count("Apache License") >= 1 and text.count("Permission is hereby granted") >= 1
    assert "MIT License" in (unpacked / "licenses/onnxruntime-LICENSE").read_text()
    assert (unpacked / "licenses/onnxruntime-ThirdPartyNotices.txt").stat().st_size > 100_000
    assert "Apache License" in (unpacked / "share/vedette/LICENSE").read_text()


@pytest.mark.parametrize(
    ("expression", "will_do"),
    [
        ("MIT", True),
        ("Apache-2.0/MIT", True),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", True),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", True),
        ("MIT OR LGPL-2.1-or-later", True),
        ("MIT AND LGPL-2.1-or-later", False),
        ("MIT AND (GPL-3.0 OR MPL-2.0)", False),
        ("Apache-2.0 WITH another-exception", False),
        ("AGPL-3.0", False),
    ],
)
def test_a_license_will_do_if_one_way_through_it_is_permissive(expression, will_do):
    assert licenses.is_permissive(expression) == will_do


@pytest.mark.parametrize("expression", ["", "MIT OR", "(MIT", "MIT Apache-2.0", "MIT)"])
def test_what_is_no_expression_is_not_taken_for_a_license(expression):
    with pytest.raises(ValueError):
        licenses.is_permissive(expression)


def test_a_crate_that_is_not_permissive_stops_the_release_by_name(monkeypatch, tmp_path):
    found = {"good": "MIT", "bad": "GPL-3.0", "mute": None}
    crates = [{"name": name, "version": "1.0.0", "license": license} for name, license in found.items()]
    monkeypatch.setattr(licenses, "linked_crates", lambda: crates)
    with pytest.raises(licenses.SetupError) as raised:
        licenses.write(tmp_path / "licenses")
    assert "bad 1.0.0: GPL-3.0; mute 1.0.0: names no license" in str(raised.value)
    assert "good" not in str(raised.value)


@pytest.fixture
def run(tmp_path):
    """Runs a program with an empty environment in an empty folder."""

    def with_nothing(*command):
        words = [str(word) for word in command]
        done = subprocess.run(words, cwd=tmp_path, env={}, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return with_nothing


def pictures(folder):
    """A folder of pictures, which replay takes as a bag."""
    folder.mkdir()
    for name in ("1.jpg", "2.jpg"):
        shutil.copy(ROOT / "docs/images/demo.jpg", folder / name)
    return folder


def test_check_and_replay_run_where_there_is_nothing_else(unpacked, run, params, tmp_path):
    program = unpacked / "lib/vedette/vedette"
    told = run(program, "check", "--params", params)
    assert f"{unpacked}/lib/vedette/libonnxruntime.so" in told
    run(program, "replay", pictures(tmp_path / "pictures"), "--params", params, "--out", tmp_path / "out.mcap")
    assert (tmp_path / "out.mcap").stat().st_size > 1000
    assert "yolov12n" in run(program, "models", "list")


def test_the_node_runs_from_the_folder_once_it_is_sourced(unpacked, params, tmp_path, ros2_tools_environment):
    shell = Shell(ros2_tools_environment, unpacked / "setup.sh")
    words = ("ros2", "run", "vedette", "vedette_node", "--ros-args", "--params-file", params)
    with shell.start(tmp_path, *words) as node:
        messages, base_frame = shell.ask("vedette", "base_frame")
        assert Path(messages).is_relative_to(unpacked)
        assert base_frame == "told"
        node.end()


def test_the_debian_package_holds_the_same_and_a_command(release, unpacked, run, params, tmp_path):
    if ".deb" not in release.first:
        pytest.skip("there is no dpkg-deb on this system")
    subprocess.run(["dpkg-deb", "-x", release.first[".deb"], tmp_path / "root"], check=True)
    inside = tmp_path / "root/opt/vedette"
    packed = {path.relative_to(inside): path.read_bytes() for path in files(inside)}
    # Who imports from it leaves compiled files behind.
    own = [path for path in files(unpacked) if "__pycache__" not in path.parts]
    assert packed == {path.relative_to(unpacked): path.read_bytes() for path in own}
    assert os.readlink(tmp_path / "root/usr/bin/vedette") == "/opt/vedette/lib/vedette/vedette"
    run(inside / "lib/vedette/vedette", "check", "--params", params)
    fields = subprocess.run(["dpkg-deb", "-f", release.first[".deb"]], capture_output=True, text=True, check=True).stdout
    assert "Package: vedette\n" in fields and "Depends: libc6 (>= 2." in fields
    assert f"ros-{os.environ['ROS_DISTRO']}-vision-msgs" in fields
