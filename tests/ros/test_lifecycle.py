"""The managed node, held to rcl_lifecycle itself, which rclpy's LifecycleNode drives."""

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import rclpy
from camera import wait_until
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions
from node_process import NodeProcess
from rclpy.lifecycle import LifecycleNode
from vedette_msgs.msg import Plan

MANUAL = ("-p", "autostart:=false")
PATHS = {
    "unconfigured": [],
    "inactive": ["configure"],
    "active": ["configure", "activate"],
    "finalized": ["shutdown"],
}
BACK = {("inactive", "active"): "deactivate", ("unconfigured", "inactive"): "cleanup"}
# By number, and by label with a number that says something else.
REQUESTS = [(number, "") for number in range(9)] + [
    (0, label)
    for label in ("configure", "cleanup", "activate", "deactivate", "shutdown", "create", "transition_success", "no such")
]


class Reference:
    """rclpy's node, asked as its service would be."""

    def __init__(self, name):
        self.node = LifecycleNode(name)
        self.events = []
        self.watcher = rclpy.create_node(f"{name}_watcher")
        self.watcher.create_subscription(
            TransitionEvent, f"/{name}/transition_event", lambda event: self.events.append(step(event)), 10
        )
        wait_until(lambda: self.watcher.count_publishers(f"/{name}/transition_event") > 0, "the reference")
        time.sleep(0.3)

    def change(self, number, label):
        request, response = ChangeState.Request(), ChangeState.Response()
        request.transition.id, request.transition.label = number, label
        try:
            response = self.node._LifecycleNodeMixin__on_change_state(request, response)
        except Exception as error:  # rclpy raises where rclcpp says no: rcl's own word is the same.
            assert "not registered" in str(error), error
            return False
        return response.success

    def state(self):
        return self.node._state_machine.current_state[1]

    def available(self):
        return [described(entry) for entry in self.node._state_machine.available_transitions]

    def take_events(self, count):
        deadline = time.monotonic() + 2.0
        while len(self.events) < count and time.monotonic() < deadline:
            rclpy.spin_once(self.watcher, timeout_sec=0.05)
        taken, self.events = self.events, []
        return taken

    def close(self):
        self.node.destroy_node()
        self.watcher.destroy_node()


class Ours:
    """The node under test, through its services."""

    def __init__(self, listener):
        self.listener = listener

    def change(self, number, label):
        request = ChangeState.Request()
        request.transition.id, request.transition.label = number, label
        return self.listener.call(ChangeState, "/vedette/change_state", request).success

    def state(self):
        return self.listener.state()

    def available(self):
        return [described(entry) for entry in transitions(self.listener, "get_available_transitions")]

    def take_events(self, count):
        wait_until(lambda: len(self.listener["/vedette/transition_event"]) >= count, f"{count} events")
        events = [step(event) for event in self.listener["/vedette/transition_event"]]
        self.listener["/vedette/transition_event"].clear()
        return events


def step(event):
    return event.start_state.id, event.start_state.label, event.goal_state.id, event.goal_state.label


def described(entry):
    if isinstance(entry, tuple):
        return entry
    transition, start, goal = entry.transition, entry.start_state, entry.goal_state
    return transition.id, transition.label, start.id, start.label, goal.id, goal.label


def transitions(listener, service):
    request = GetAvailableTransitions.Request()
    return listener.call(GetAvailableTransitions, f"/vedette/{service}", request).available_transitions


@pytest.fixture
def manual(start_faulty, listen):
    """Starts an unconfigured node; returns it and who listens to its events."""

    def start(fault="", *ros_args, **options):
        listener = listen({"/vedette/transition_event": TransitionEvent, "/vedette/plan": Plan})
        node = start_faulty(fault, *MANUAL, *ros_args, state="unconfigured", **options)
        listener.connect()
        return node, listener

    return start


def test_every_transition_in_every_state_is_that_of_rcl(ros, manual):
    for state, path in PATHS.items():
        node, listener = manual()
        ours, reference = Ours(listener), Reference("reference")
        for label in path:
            assert ours.change(0, label) and reference.change(0, label)
        ours.take_events(2 * len(path)), reference.take_events(2 * len(path))
        for number, label in REQUESTS:
            assert ours.state() == reference.state() == state
            assert ours.available() == reference.available()
            wanted, was = reference.change(number, label), f"{number} {label!r} in {state}"
            assert ours.change(number, label) == wanted, was
            count = 2 if wanted else 0
            assert ours.state() == reference.state(), was
            assert ours.take_events(count) == reference.take_events(count), was
            now = ours.state()
            if now == "finalized" and state != "finalized":
                # There is no way back from there.
                assert ours.available() == reference.available() == []
                node.end()
                reference.close()
                node, listener = manual()
                ours, reference = Ours(listener), Reference("reference")
                for label in path:
                    assert ours.change(0, label) and reference.change(0, label)
                ours.take_events(2 * len(path)), reference.take_events(2 * len(path))
            elif now != state:
                back = BACK.get((state, now)) or {"inactive": "activate", "unconfigured": "configure"}[now]
                assert ours.change(0, back) and reference.change(0, back)
                ours.take_events(2), reference.take_events(2)
        node.end()
        reference.close()


def test_states_and_graph_are_those_of_rcl(manual):
    _, listener = manual()
    reference = Reference("graph_reference")
    graph = [described(entry) for entry in transitions(listener, "get_transition_graph")]
    assert graph == list(reference.node._state_machine.transition_graph)
    request = GetAvailableStates.Request()
    states = listener.call(GetAvailableStates, "/vedette/get_available_states", request).available_states
    assert [(state.id, state.label) for state in states] == list(reference.node._state_machine.available_states)
    reference.close()


# What a node of rclpy has and ours has not, and the other way round, with the reason.
MISSING = {
    "get_type_description": "r2r hands out no type descriptions; tools read them from the packages",
}


def test_services_and_topics_are_those_of_a_lifecycle_node_of_rclpy(ros, manual):
    _, listener = manual()
    reference = Reference("names_reference")
    watcher = listener.node

    def services(name):
        found = watcher.get_service_names_and_types_by_node(name, "/")
        return {service.removeprefix(f"/{name}/"): types for service, types in found}

    def topics(name):
        found = watcher.get_publisher_names_and_types_by_node(name, "/")
        return {topic.removeprefix(f"/{name}/"): types for topic, types in found}

    def missing(of_reference, of_ours):
        return {name for name, types in of_reference.items() if of_ours.get(name) != types}

    assert missing(services("names_reference"), services("vedette")) == set(MISSING)
    assert missing(topics("names_reference"), topics("vedette")) == set()
    reference.close()


def test_the_node_answers_at_once_while_a_model_takes_long_to_load(run, faulty_binary, listen):
    begin = time.monotonic()
    node = run(faulty_binary, fault="load:20000", state="configuring", ends_with=130)
    assert time.monotonic() - begin < 5.0
    listener = listen({"/diagnostics": DiagnosticArray})
    assert listener.state() == "configuring"
    latencies = []
    for _ in range(200):
        begin = time.monotonic()
        assert listener.state() == "configuring"
        latencies.append(time.monotonic() - begin)
        time.sleep(0.005)
    assert max(latencies) < 0.1, max(latencies)
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    assert not listener.call(ChangeState, "/vedette/change_state", request, 0.5).success
    wait_until(lambda: "loading, for" in listener.status("lifecycle")[1], "the step in diagnostics")
    assert listener.status("frames")[:2] == (3, "the node is configuring")
    code, took_s = node.end()
    assert code == 130 and took_s < 2.0, (code, took_s)


@pytest.mark.parametrize("state", ["unconfigured", "inactive", "active", "finalized"])
def test_a_signal_ends_the_node_in_every_state(manual, state):
    node, listener = manual()
    assert all(listener.change(label) for label in PATHS[state])
    code, took_s = node.end(signal.SIGINT)
    assert code == 0 and took_s < 2.0, took_s


def test_a_deactivated_node_says_stop_once_and_nothing_more(manual, camera):
    _, listener = manual("", "-p", "max_age_ms:=200")
    time.sleep(0.5)
    assert not listener["/vedette/plan"], "before it is active a node says nothing"
    assert listener.change("configure")
    time.sleep(0.5)
    assert not listener["/vedette/plan"]
    assert listener.change("activate")
    camera.connect()
    plans = listener["/vedette/plan"]
    camera.send_until(lambda: plans and plans[-1].decision == "proceed", "a plan to go")
    sequence = plans[-1].sequence
    assert listener.change("deactivate")
    wait_until(lambda: plans[-1].decision == "stop", "the last stop")
    assert plans[-1].sequence >= sequence and "deactivated" in plans[-1].verdict
    count = len(plans)
    with camera.streaming():
        time.sleep(1.0)
    assert len(plans) == count

    # Pictures are nobody's until it is active again; then everything begins anew, at stop.
    assert listener.change("activate")
    camera.connect()
    camera.send_until(lambda: plans[-1].decision == "proceed", "a plan to go")
    assert plans[count].decision == "stop"


def test_models_are_loaded_and_let_go_any_number_of_times(manual, camera):
    node, listener = manual()
    plans = listener["/vedette/plan"]
    for _ in range(3):
        assert listener.change("configure") and listener.change("activate")
        camera.connect()
        count = len(plans)
        camera.send_until(lambda count=count: len(plans) >= count + 15, "plans")
        assert listener.change("deactivate") and listener.change("cleanup")
    assert node.log.count("inactive after") == 6


@contextmanager
def unchanged(pid, grown_kb):
    """The process has as many threads and open files afterwards, and has not grown by more."""

    def look():
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return int(status["Threads"]), len(os.listdir(f"/proc/{pid}/fd")), int(status["VmRSS"].split()[0])

    threads, files, kb = look()
    yield
    now = look()
    assert now[0] <= threads and now[1] <= files and now[2] - kb < grown_kb, ((threads, files, kb), now)


def test_hundreds_of_cycles_leave_nothing_behind(manual):
    node, listener = manual()
    assert listener.change("configure")
    client = listener.node.create_client(ChangeState, "/vedette/change_state")

    def change(number):
        future = client.call_async(ChangeState.Request(transition=Transition(id=number)))
        wait_until(future.done, "a change of state")
        assert future.result().success

    def cycles(first, second, count):
        for _ in range(count):
            change(first), change(second)

    cycles(Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE, 20)
    with unchanged(node.process.pid, 2000):
        begin = time.monotonic()
        cycles(Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE, 200)
        took_s = time.monotonic() - begin
    assert took_s < 20.0, took_s
    change(Transition.TRANSITION_CLEANUP)
    cycles(Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP, 20)
    with unchanged(node.process.pid, 3000):
        cycles(Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP, 100)


def test_a_model_that_does_not_load_leaves_the_node_unconfigured_with_the_reason(manual, listen):
    node, listener = manual("load_fails")
    diagnostics = listen({"/diagnostics": DiagnosticArray})
    assert not listener.change("configure")
    assert listener.state() == "unconfigured"
    wait_until(lambda: "there is no such model" in diagnostics.status("lifecycle")[1], "the reason")
    assert diagnostics.status("lifecycle")[0] == 2
    assert [step(event)[1::2] for event in listener["/vedette/transition_event"]] == [
        ("unconfigured", "configuring"),
        ("configuring", "unconfigured"),
    ]
    assert "configuring failed: there is no such model" in node.log


def test_a_panic_while_loading_is_an_error_that_is_processed(manual):
    node, listener = manual("load_panics")
    for _ in range(2):
        assert not listener.change("configure")
        assert listener.state() == "unconfigured"
    wait_until(lambda: len(listener["/vedette/transition_event"]) == 6, "events")
    assert [step(event)[3] for event in listener["/vedette/transition_event"]] == [
        "configuring",
        "errorprocessing",
        "unconfigured",
    ] * 2
    assert "by order of the test" in node.log and node.is_running()


def test_a_node_that_starts_by_itself_and_has_no_model_ends_with_the_reason(faulty_binary, tmp_path):
    for fault, reason in [("load_fails", "there is no such model"), ("load_panics", "by order of the test")]:
        node = NodeProcess(faulty_binary, [], tmp_path / f"{fault}.log", fault=fault)
        assert node.process.wait(20.0) == 1
        assert reason in node.log


def test_the_bond_lives_while_the_node_is_active(manual, listen):
    bond_msgs = pytest.importorskip("bond.msg", reason="the package bond is missing: make setup builds it")
    _, listener = manual()
    bonds = listen({"/bond": bond_msgs.Status})
    bonds.connect()
    assert listener.change("configure")
    time.sleep(0.5)
    assert not bonds["/bond"]
    assert listener.change("activate")
    wait_until(lambda: len(bonds["/bond"]) >= 10, "signs of life", 3.0)
    assert all(status.active and status.id == "vedette" for status in bonds["/bond"])
    assert len({status.instance_id for status in bonds["/bond"]}) == 1
    first = bonds["/bond"][0]
    assert round(first.heartbeat_period, 3) == 0.1 and round(first.heartbeat_timeout, 3) == 4.0
    assert listener.change("deactivate")
    wait_until(lambda: not bonds["/bond"][-1].active, "the end of the bond")
    count = len(bonds["/bond"])
    time.sleep(0.5)
    assert len(bonds["/bond"]) == count
