"""The node has what `vedette interface` says, and nothing else; and the security policy allows just that."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from camera import wait_until
from graph_of import GraphOf
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage

# A node as it comes, and one with names and transports of its own.
SETTINGS = {
    "plain": ([], "/vedette"),
    "renamed": (
        ["-r", "__ns:=/left", "-r", "__node:=scout", "-r", "image:=/camera/image_raw", "-r", "/tf:=tf",
         "-r", "~/plan:=/robot/plan", "-p", "use_sim_time:=true", "-p", "bond_heartbeat_period_ms:=0"],
        "/left/scout",
    ),
}  # fmt: skip


@pytest.fixture(params=SETTINGS)
def told_and_found(request, start, vedette, ros, camera):
    """What is declared for these arguments, the policy for them, and the graph of a node that is started with them."""
    arguments, name = SETTINGS[request.param]
    told = json.loads(vedette("interface", "--json", *arguments).stdout)
    policy = ElementTree.fromstring(vedette("interface", "--sros2", *arguments).stdout)
    # Only compressed pictures are published: the node then listens to both topics.
    camera.node.destroy_publisher(camera.images)
    compressed = next(topic["name"] for topic in told["inputs"] if topic["called"] == "image/compressed")
    camera.node.create_publisher(CompressedImage, compressed, qos_profile_sensor_data)
    start(*arguments, name=name)
    observer = ros.create_node("observer")
    graph = GraphOf(observer, name)
    wait_until(lambda: compressed in graph.inputs(), f"a subscription to {compressed}")
    yield told, policy, graph
    observer.destroy_node()


def named(rows):
    return {row["name"]: row["type"] for row in rows}


def test_the_graph_of_a_running_node_is_what_is_declared(told_and_found):
    told, _, graph = told_and_found
    assert graph.inputs() == named(told["inputs"])
    assert graph.outputs() == named(told["outputs"])
    assert graph.services() == named(told["services"])
    assert graph.actions() == named(told["actions"])
    assert graph.clients() == {}
    for rows, ends in (("inputs", "get_subscriptions_info_by_topic"), ("outputs", "get_publishers_info_by_topic")):
        for row in told[rows]:
            declared = {(qos["reliable"], qos["transient_local"]) for qos in row["qos"]}
            assert graph.qos(getattr(graph.node, ends)(row["name"])) == declared, row["name"]


def allowed(policy, name):
    """What a policy allows its one node: the topics that it publishes and subscribes to, services and actions."""
    (profile,) = policy.findall("./enclaves/enclave/profiles/profile")
    assert profile.get("ns").rstrip("/") + "/" + profile.get("node") == name
    assert policy.find("./enclaves/enclave").get("path") == name
    rights = {"publish": set(), "subscribe": set(), "reply": set(), "request": set(), "execute": set(), "call": set()}
    for rules in profile:
        for right, word in rules.attrib.items():
            assert word == "ALLOW"
            rights[right] |= {rule.text for rule in rules}
    return rights


def test_the_policy_allows_what_a_running_node_does_and_nothing_beyond(told_and_found):
    told, policy, graph = told_and_found
    rights = allowed(policy, told["node"])
    assert rights["publish"] == set(graph.outputs())
    assert rights["subscribe"] == set(graph.inputs())
    assert rights["reply"] == set(graph.services())
    assert rights["execute"] == set(graph.actions())
    assert rights["request"] == set(graph.clients()) == set() and rights["call"] == set()
    # What an action consists of, as SROS2 reads `execute`.
    parts = {f"{action}/_action/{part}" for action in rights["execute"] for part in ("feedback", "status")}
    assert graph.published_for_actions() == parts
    parts = ("send_goal", "cancel_goal", "get_result")
    assert graph.served_for_actions() == {f"{a}/_action/{part}" for a in rights["execute"] for part in parts}
