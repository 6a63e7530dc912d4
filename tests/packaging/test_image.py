"""The Dockerfile: checked by hadolint, and its build context by what the build needs. No image is built here: base images
and Rust come from servers that CI does not reach."""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess

import pytest
from repository import LEFT_BEHIND, ROOT, clone, tracked


def instructions():
    """Each instruction of the Dockerfile: its name and its words, joined over lines, without comments."""
    text = "".join(line for line in (ROOT / "Dockerfile").read_text().splitlines(True) if not line.startswith("#"))
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


def stages():
    """The stages by name, each with the instructions in it."""
    found = {}
    for name, words in instructions():
        if name == "FROM":
            found[words.split(" AS ")[1]] = [(name, words)]
        elif found:
            list(found.values())[-1].append((name, words))
    return found


def is_ignored(path, patterns):
    """As `.dockerignore` is read: the last pattern that meets the path or a folder above it decides."""
    parts, ignored = path.split("/"), False
    for pattern in patterns:
        wanted = pattern.lstrip("!").split("/")
        starts = range(len(parts)) if wanted[0] == "**" else [0]
        wanted = [part for part in wanted if part != "**"]
        meets = any(
            len(parts) - start >= len(wanted)
            and all(fnmatch.fnmatchcase(part, name) for part, name in zip(parts[start:], wanted))
            for start in starts
        )
        if meets:
            ignored = not pattern.startswith("!")
    return ignored


def ignore_patterns():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """What a builder gets of a clone in which much lies about."""
    folder = tmp_path_factory.mktemp("context")
    clone(folder)
    for name in (".deps/ros/lib/librcl.so", "target/release/vedette", "data/vtest/vtest.mcap", ".git/config"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"large")
    patterns = ignore_patterns()
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if is_ignored(str(path.relative_to(folder)), patterns):
            path.unlink()
    return folder


def test_hadolint_finds_nothing(tool):
    done = subprocess.run([tool("hadolint"), "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_no_weights_and_nothing_that_was_built_reaches_the_builder(context):
    there = {str(path.relative_to(context)) for path in context.rglob("*") if path.is_file()}
    assert not there & LEFT_BEHIND.keys()
    assert {path.parts[len(context.parts)] for path in context.rglob("*") if path.is_file()}.isdisjoint(
        {".git", ".deps", "target", "data", "out", "dist"}
    )
    manifests = {name for name in tracked() if name.startswith("models/") and name.endswith("/model.toml")}
    assert manifests and manifests <= there


def test_the_builder_gets_what_cargo_and_cmake_need(context):
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"]
    done = subprocess.run(command, cwd=context, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for file in (context / "src").rglob("*.rs"):
        text = file.read_text().partition("#[cfg(test)]")[0]
        for name in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', text):
            assert (file.parent / name).is_file(), f"{file.relative_to(context)} includes {name}"
    named = re.findall(r'\$\{crate\}/([\w/.-]+)"', (ROOT / "package/CMakeLists.txt").read_text())
    assert [name for name in named if not name.startswith(".deps") and not (context / name).exists()] == []


def test_every_file_that_is_copied_is_there(context):
    sources = []
    for name, words in instructions():
        if name == "COPY" and "--from=" not in words:
            sources += [word for word in words.split()[:-1] if not word.startswith("--")]
    assert "package/entrypoint.sh" in sources
    assert [source for source in sources if not (context / source).exists()] == []
    assert os.access(ROOT / "package/entrypoint.sh", os.X_OK)
    names = {*stages()}
    assert {re.search(r"--from=(\S+)", words)[1] for name, words in instructions() if "--from=" in words} <= names


def test_the_images_run_as_nobody_in_particular_and_bring_no_compiler():
    for name in ("cpu", "nvidia"):
        assert [words for kind, words in stages()[name] if kind == "USER"][-1] == "10001"
        installed = " ".join(words for kind, words in stages()[name] if kind == "RUN")
        assert not re.search(r"build-essential|rustup|libclang|\bgit\b|colcon", installed)
    assert ("ENTRYPOINT", '["/entrypoint.sh"]') in stages()["cpu"]
    assert stages()["nvidia"][0][1] == "cpu AS nvidia"


def test_the_rust_of_the_image_is_new_enough():
    needed = re.search(r'^rust-version = "([\d.]+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    told = dict(words.split("=", 1) for kind, words in instructions() if kind == "ARG")["RUST_VERSION"]
    assert tuple(map(int, told.split("."))) >= tuple(map(int, needed.split(".")))


def test_make_image_calls_the_builder_that_is_there(tmp_path):
    make = shutil.which("make")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "bash", "make"):
        (programs / name).symlink_to(shutil.which(name))

    def image(*words):
        return subprocess.run(
            [make, "image", *words], cwd=ROOT, env={"PATH": str(programs)}, capture_output=True, text=True
        )

    refused = image()
    assert refused.returncode != 0 and "there is no docker, podman or buildah" in refused.stderr
    (programs / "podman").write_text('#!/bin/sh\necho "$@"\n')
    (programs / "podman").chmod(0o755)
    assert shlex.split(image().stdout) == "build --target cpu -t vedette .".split()
    told = shlex.split(image("GPU=1", "ROS_DISTRO=humble").stdout)
    assert told == "build --target nvidia -t vedette:nvidia --build-arg ROS_DISTRO=humble .".split()


def test_the_entry_point_runs_its_command_in_the_environment_of_both(tmp_path):
    for prefix, file, word in (("opt/ros/jazzy", "setup.bash", "ROS"), ("opt/vedette", "local_setup.bash", "OURS")):
        (tmp_path / prefix).mkdir(parents=True)
        (tmp_path / prefix / file).write_text(f"export {word}=sourced\n")
    script = (ROOT / "package/entrypoint.sh").read_text().replace("/opt/", f"{tmp_path}/opt/")
    (tmp_path / "entrypoint.sh").write_text(script)
    command = ["bash", tmp_path / "entrypoint.sh", "bash", "-c", 'echo "$ROS $OURS $1"', "bash", "two words"]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"], "ROS_DISTRO": "jazzy"}, capture_output=True, text=True)
    assert done.stdout == "sourced sourced two words\n", done.stderr
