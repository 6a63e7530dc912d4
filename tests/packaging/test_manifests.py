"""The packages' manifests: valid, complete, and with keys that rosdep knows."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from repository import ROOT, tracked

VEDETTE = ROOT / "package/package.xml"
INTERFACES = sorted((ROOT / "msgs").rglob("package.xml"))
OURS = [VEDETTE, ROOT / "msgs/vedette_msgs/package.xml"]
DISTROS = {"humble", "jazzy", "kilted", "lyrical"}
# Used where it is; Nav2 is no need of a robot without it.
OPTIONAL = {"nav2_msgs"}
# As REP-149 has them, in format 3.
ELEMENTS = {
    "name", "version", "description", "maintainer", "license", "url", "author", "buildtool_depend", "build_depend",
    "build_export_depend", "buildtool_export_depend", "exec_depend", "test_depend", "depend", "doc_depend",
    "group_depend", "member_of_group", "conflict", "replace", "export",
}  # fmt: skip


def manifest(path):
    return ElementTree.parse(path).getroot()


def needs(path, *kinds):
    """The keys that a manifest depends on, of some kinds or of all."""
    kinds = kinds or [name for name in ELEMENTS if name.endswith("depend") and name != "group_depend"]
    return [element.text.strip() for kind in kinds for element in manifest(path).iter(kind)]


def toml_text(path, name):
    """The first text of that name in a TOML file (Python 3.10 reads no TOML)."""
    return re.search(rf'^{name} = "([^"]*)"', path.read_text(), re.MULTILINE)[1]


def checked_keys():
    """The keys of `rosdep_keys.txt` and what has them."""
    lines = (Path(__file__).parent / "rosdep_keys.txt").read_text().splitlines()
    return {words[0]: set(words[1:]) for line in lines if (words := line.partition("#")[0].split())}


@pytest.mark.parametrize("path", [VEDETTE, *INTERFACES], ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_a_manifest_is_of_format_3_and_valid(path):
    root = manifest(path)
    assert root.tag == "package" and root.get("format") == "3"
    assert {element.tag for element in root} <= ELEMENTS
    for name in ("name", "version", "description", "maintainer", "license"):
        assert root.findtext(name, "").strip(), f"no <{name}>"
    assert re.fullmatch(r"[a-z][a-z0-9_]*", root.findtext("name"))
    assert re.fullmatch(r"\d+\.\d+\.\d+", root.findtext("version"))
    assert root.find("maintainer").get("email")
    assert root.findtext("export/build_type") == "ament_cmake" and "ament_cmake" in needs(path, "buildtool_depend")
    keys = needs(path, "depend", "build_depend", "exec_depend")
    assert sorted(set(keys)) == sorted(keys), "a key stands twice"


@pytest.mark.parametrize("path", INTERFACES, ids=lambda path: path.parent.name)
def test_a_message_package_generates_interfaces_and_says_so(path):
    assert [group.text for group in manifest(path).iter("member_of_group")] == ["rosidl_interface_packages"]
    assert "rosidl_default_generators" in needs(path, "buildtool_depend")
    assert "rosidl_default_runtime" in needs(path, "exec_depend")
    cmake = (path.parent / "CMakeLists.txt").read_text()
    listed = set(re.findall(r'"((?:msg|srv|action)/\w+\.\w+)"', cmake))
    there = {f"{kind}/{file.name}" for kind in ("msg", "srv", "action") for file in path.parent.glob(f"{kind}/*")}
    assert listed == there
    found = set(re.findall(r"find_package\((\w+) REQUIRED\)", cmake)) - {"ament_cmake", "rosidl_default_generators"}
    assert found == set(needs(path, "depend")), "what CMake finds and what the manifest names differ"


def test_every_message_package_of_the_code_stands_in_the_manifest():
    rooms = ("src/ros/", "src/wire/")
    sources = [ROOT / name for name in tracked() if name.startswith(rooms) and name.endswith(".rs")]
    text = "\n".join(path.read_text().partition("#[cfg(test)]")[0] for path in sources)
    # Types by their names, r2r's modules, and the wire's files, each of which is one message package.
    named = set(re.findall(r'["`]([a-z]\w*)/(?:msg|srv|action)/[A-Z]\w*["`]', text))
    named |= set(re.findall(r"\br2r::(\w+)::(?:msg|srv|action)\b", text))
    named |= {path.stem for path in (ROOT / "src/wire").glob("*.rs") if path.stem.endswith(("_msgs", "_interfaces"))}
    generated = toml_text(ROOT / ".cargo/config.toml", "IDL_PACKAGE_FILTER").split(";")
    assert {"sensor_msgs", "vision_msgs", "vedette_msgs"} <= named & set(generated)
    # In both: built against and started with.
    assert sorted((named | set(generated)) - OPTIONAL - set(needs(VEDETTE, "depend"))) == []


def test_one_version_in_all_of_the_project():
    for name in ("version", "license"):
        assert {manifest(path).findtext(name) for path in OURS} == {toml_text(ROOT / "Cargo.toml", name)}


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.parent.name)
def test_rosdep_knows_every_key_on_every_distribution(path):
    keys, own = checked_keys(), {manifest(ours).findtext("name") for ours in OURS}
    unknown = [key for key in needs(path) if key not in own and key not in keys]
    assert unknown == [], "look them up as rosdep_keys.txt says, and add them there"
    missing = {key: keys[key] for key in needs(path) if key not in own}
    assert {key: has for key, has in missing.items() if not (DISTROS <= has or {"debian", "ubuntu"} <= has)} == {}
