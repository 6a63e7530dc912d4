"""The README and docs/ say what is true: every command in a ```sh block runs, every relative link leads to a file.

A command with a placeholder belongs into a ```text block. Commands run in a folder of their own that looks like the
project's root, so that nothing is written into the project. Run with `.deps/env.sh` sourced.
"""

import ast
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest
import ros2_tools

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# What is not run here, and what proves it instead.
PROVED_ELSEWHERE = {
    "make setup": "`make build` and `make test` begin with it",
    "make build": "`make test` builds the same",
    "make test": "CI runs it, and it runs this test",
    "make demo": "CI runs it",
    "make lint": "CI runs it",
    "make bench": "it measures for long; run by hand for docs/performance.md",
    "make release": "tests/packaging/test_release.py packs and runs one",
    "colcon build": "tests/packaging/test_colcon.py runs it in a workspace",
}

# Commands that run until they are told to end.
NODES = (["target/release/vedette", "node"], ["ros2", "run"], ["ros2", "launch"])
# What such commands hold that end by themselves.
ENDING = ("--show-args", "replay_bag.launch.py")
REPLAY = ["target/release/vedette", "replay"]
# tests/reference replays the whole bag.
REPLAYED_IMAGES = 5
PATIENCE_S = 120.0
PLACEHOLDER = re.compile(r"<[^>]+>|…|\.\.\.|/path/to|(^|[=/])[A-Z]{2,}(/|$)")


def blocks(document, language):
    """The fenced blocks of one language: number of the first line, text."""
    opened, lines = None, []
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if opened is None:
            if fence := re.match(r"\s*```(\S*)", line):
                opened, lines = (fence[1], number + 1), []
        elif line.strip() == "```":
            if opened[0] == language:
                yield opened[1], "\n".join(lines)
            opened = None
        else:
            lines.append(line)
    assert opened is None, f"{document.name}:{opened[1]}: a block without an end"


def commands():
    """Every command of every ```sh block: its words without the comment, its line."""
    for document in DOCUMENTS:
        for first, text in blocks(document, "sh"):
            for number, line in enumerate(text.replace("\\\n", " ").splitlines(), first):
                if words := shlex.split(line, comments=True):
                    where = f"{document.relative_to(ROOT)}:{number}"
                    yield pytest.param(words, line, id=f"{where} {' '.join(words)}")


def files(document):
    """The launch files that a document shows: their names, which stand in their first lines, and their texts."""
    for language in ("python", "xml", "yaml"):
        for _, text in blocks(document, language):
            if name := re.match(r"(?:#|<!--) (\S+\.launch\.\w+)", text):
                yield name[1], text + "\n"


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A folder that holds all that the project's root holds, but `out/`."""
    binary = Path(os.environ.get("VEDETTE_BIN", ROOT / "target/release/vedette")).absolute()
    if not binary.exists():
        pytest.skip(f"{binary} is not built: make build")
    if not (ROOT / "models/yolov12n/yolov12n.onnx").exists():
        pytest.skip("the weights are missing: make setup")
    folder = tmp_path_factory.mktemp("project")
    for entry in ROOT.iterdir():
        if entry.name not in ("out", "target", ".git"):
            (folder / entry.name).symlink_to(entry)
    (folder / "target/release").mkdir(parents=True)
    (folder / "target/release/vedette").symlink_to(binary)
    for document in DOCUMENTS:
        for name, text in files(document):
            (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="session")
def environment(ros2_tools_environment, binary, tmp_path_factory):
    """A ROS domain of our own, on this machine only; the package as it is installed, and a manager in Nav2's place."""
    domain = {"ROS_DOMAIN_ID": str(100 + os.getpid() % 100), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    prefixes = [tmp_path_factory.mktemp("install"), tmp_path_factory.mktemp("nav2")]
    ros2_tools.installed(prefixes[0], ROOT, binary)
    ros2_tools.lifecycle_manager(prefixes[1])
    path = ":".join([*map(str, prefixes), ros2_tools_environment["AMENT_PREFIX_PATH"]])
    return ros2_tools_environment | domain | {"AMENT_PREFIX_PATH": path, "VEDETTE_BIN": str(binary)}


def run(line, project, environment):
    """A command that ends by itself."""
    done = subprocess.run(
        ["bash", "-c", line], cwd=project, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, f"{line}\nended with {done.returncode}:\n{done.stdout}\n{done.stderr}"


def run_node(words, project, environment, log):
    """The node: it must start, and end in order when it is asked to."""
    with log.open("w") as file:
        # A process group of its own, as a shell makes it: Ctrl-C goes to all of it.
        process = subprocess.Popen(
            words, cwd=project, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while "listens to" not in log.read_text():
            assert process.poll() is None, f"ended with {process.returncode}:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"does not start:\n{log.read_text()}"
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 0, log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.parametrize(("words", "line"), list(commands()))
def test_every_command_runs(words, line, project, environment, tmp_path):
    if " ".join(words) in PROVED_ELSEWHERE:
        return
    if words[:2] in NODES and not any(ending in line for ending in ENDING):
        run_node(words, project, environment, tmp_path / "node.log")
    elif words[:2] == REPLAY and "--limit" not in words:
        run(shlex.join([*words, "--limit", str(REPLAYED_IMAGES)]), project, environment)
    else:
        run(line, project, environment)


@pytest.mark.parametrize(("words", "line"), list(commands()))
def test_no_command_has_a_placeholder(words, line):
    found = [word for word in words if PLACEHOLDER.search(word)]
    assert not found, f"{found} in a ```sh block; a command that nobody can run as it stands belongs into ```text"


def test_what_is_proved_elsewhere_exists():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    made = [command for command in PROVED_ELSEWHERE if command.startswith("make ")]
    assert [command for command in made if command.removeprefix("make ") not in targets] == []
    tests = [proof.split()[0] for proof in PROVED_ELSEWHERE.values() if proof.startswith("tests/")]
    assert tests and [test for test in tests if not (ROOT / test).is_file()] == []
    ci = (ROOT / ".ci/run").read_text().splitlines()
    by_ci = [command for command, proof in PROVED_ELSEWHERE.items() if proof.startswith("CI")]
    assert [command for command in by_ci if command not in ci] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_relative_link_leads_to_a_file(document):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", document.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    files = [link.split("#")[0] for link in links if not re.match(r"[a-z]+:|#", link)]
    missing = [file for file in files if not (document.parent / file).exists()]
    assert missing == [], f"{document.name} links to files that do not exist"


def declared(file):
    """The arguments of a launch file, with their defaults."""
    for node in ast.parse((ROOT / "launch" / file).read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "ARGUMENTS":
            return {name: default for name, (default, _) in ast.literal_eval(node.value).items()}
    raise AssertionError(f"{file} has no ARGUMENTS")


def test_the_launch_file_has_the_arguments_that_the_readme_gives():
    given = set()
    for _, text in blocks(ROOT / "README.md", "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.keyword) and node.arg == "launch_arguments":
                given |= set(ast.literal_eval(node.value.func.value))
    assert given, "README.md shows no launch_arguments"
    assert given <= declared("vedette.launch.py").keys()


def test_the_page_on_launch_files_lists_their_arguments():
    tables = re.findall(r"^\| argument \|.*\n\|.*\n((?:\|.*\n)+)", (ROOT / "docs/launch.md").read_text(), re.MULTILINE)
    listed = [dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE)) for table in tables]
    node, nav2, replay = map(declared, ("vedette.launch.py", "vedette_nav2.launch.py", "replay_bag.launch.py"))
    assert listed[0] == {name: f"`{default}`" if default else "none" for name, default in node.items()}
    assert listed[1] == {name: f"`{default}`" for name, default in nav2.items() if name not in node}
    assert listed[2].keys() == {"bag", *(name for name in replay if name not in node)}
