"""`vedette interface`: the page in docs/, JSON, and the SROS2 policy."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# The schema of SROS2's policies, version 0.2.0 (sros2/policy/schemas/policy.xsd of ros2/sros2): the attributes that an element
# may have, those that it must have, and the elements in it. A list has one item or more.
RULES = {"ALLOW", "DENY"}
SCHEMA = {
    "policy": ({"version"}, {"version"}, {"enclaves"}),
    "enclaves": (set(), set(), {"enclave"}),
    "enclave": ({"path"}, {"path"}, {"profiles"}),
    "profiles": ({"type"}, set(), {"profile"}),
    "profile": ({"ns", "node"}, {"ns", "node"}, {"topics", "services", "actions"}),
    "topics": ({"publish", "subscribe"}, set(), {"topic"}),
    "services": ({"reply", "request"}, set(), {"service"}),
    "actions": ({"call", "execute"}, set(), {"action"}),
}
RIGHTS = {"publish", "subscribe", "reply", "request", "call", "execute"}


def breaches(element):
    """Where an element and those in it are not as the schema has them."""
    if element.tag in ("topic", "service", "action"):
        is_name = re.fullmatch(r"(/[A-Za-z_]\w*)+", element.text or "")
        return [] if is_name and not element.attrib and not len(element) else [f"{element.tag} {element.text!r}"]
    if element.tag not in SCHEMA:
        return [f"<{element.tag}>"]
    may, must, inside = SCHEMA[element.tag]
    found = [f"<{element.tag} {name}>" for name in element.attrib if name not in may]
    found += [f"<{element.tag}> without {name}" for name in must - element.attrib.keys()]
    found += [f"{name}={word!r}" for name, word in element.attrib.items() if name in RIGHTS and word not in RULES]
    found += [f"<{child.tag}> in <{element.tag}>" for child in element if child.tag not in inside]
    found += [] if len(element) else [f"<{element.tag}> is empty"]
    return found + [breach for child in element for breach in breaches(child)]


def test_the_committed_page_is_what_the_declarations_give(vedette):
    page = (ROOT / "docs/interface.md").read_text()
    assert vedette("interface").stdout == page, "vedette interface > docs/interface.md"


def test_the_page_lists_every_parameter_of_the_parameter_file(vedette):
    page = vedette("interface").stdout
    keys = re.findall(r"^    (\w+):", (ROOT / "config/vedette.yaml").read_text(), re.MULTILINE)
    assert len(keys) > 80 and [key for key in keys if f"\n| `{key}` |" not in page] == []


@pytest.mark.parametrize("arguments", [[], ["-r", "__ns:=/left", "-r", "image:=/camera/image", "-p", "use_sim_time:=true"]])
def test_the_policy_is_one_by_the_schema_of_sros2(vedette, arguments):
    policy = ElementTree.fromstring(vedette("interface", "--sros2", *arguments).stdout)
    assert policy.tag == "policy" and policy.get("version") == "0.2.0"
    assert breaches(policy) == []


def test_the_policy_names_just_what_the_json_does(vedette):
    told = json.loads(vedette("interface", "--json").stdout)
    policy = ElementTree.fromstring(vedette("interface", "--sros2").stdout)
    named = {item.text for kind in ("topic", "service", "action") for item in policy.iter(kind)}
    rows = [row for part in ("inputs", "outputs", "services", "actions") for row in told[part]]
    assert named == {row["name"] for row in rows}


def test_what_is_no_parameter_is_refused_here_too(vedette):
    assert "score_treshold" in vedette("interface", "-p", "score_treshold:=1", code=1).stderr
