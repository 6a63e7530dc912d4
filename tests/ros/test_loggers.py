"""Levels of loggers while the node runs, by the services that rclcpp nodes have with `enable_logger_service`."""

import pytest
from camera import ROSOUT, wait_until
from rcl_interfaces.msg import Log, LoggerLevel
from rcl_interfaces.srv import GetLoggerLevels, SetLoggerLevels
from rclpy.node import Node
from vedette_msgs.srv import SetPrompts

DEBUG, INFO, WARN, ERROR = 10, 20, 30, 40


@pytest.fixture
def levels(listen):
    """Asks a node: `levels(get="vedette")`, `levels(vedette=10)`."""
    client = listen({})

    def ask(*names, node="/vedette", **wanted):
        if names:
            request = GetLoggerLevels.Request(names=list(names))
            answer = client.call(GetLoggerLevels, f"{node}/get_logger_levels", request)
            assert [level.name for level in answer.levels] == list(names)
            return [level.level for level in answer.levels]
        pairs = [LoggerLevel(name=name, level=level) for name, level in wanted.items()]
        request = SetLoggerLevels.Request(levels=pairs)
        answer = client.call(SetLoggerLevels, f"{node}/set_logger_levels", request)
        return [(result.successful, result.reason) for result in answer.results]

    return ask


def refuse_prompts(listener):
    """Makes the node warn: the set has no letter."""
    request = SetPrompts.Request(prompts=["?" * 5000])
    assert not listener.call(SetPrompts, "/vedette/set_prompts", request, patience_s=30).success


def test_what_is_said_follows_the_level_on_stderr_and_rosout(start, listen, levels):
    node = start("-p", "prompts:=[]")
    rosout = listen({"/rosout": Log}, qos=ROSOUT)
    rosout.connect()
    assert levels("vedette", "vedette.child") == [0, 0]
    assert levels(vedette=ERROR) == [(True, "")]
    assert levels("vedette") == [ERROR]
    said = node.log
    refuse_prompts(rosout)
    assert node.log == said, "warnings are not said"
    assert levels(vedette=INFO) == [(True, "")]
    refuse_prompts(rosout)
    wait_until(lambda: "[WARN]" in node.log[len(said) :], "a warning again")
    wait_until(lambda: any(log.level == WARN and "prompts" in log.msg for log in rosout["/rosout"]), "on /rosout too")
    assert "[DEBUG]" not in node.log
    assert levels(vedette=DEBUG) == [(True, "")]
    assert levels("vedette") == [DEBUG]
    wait_until(lambda: "a request of ~/get_logger_levels" in node.log, "words for developers")
    assert levels(vedette=INFO) == [(True, "")] and levels("vedette") == [INFO]
    assert node.log.count("a request of ~/get_logger_levels") == 1


def test_a_level_that_is_none_is_refused_and_the_others_are_set(start, levels):
    start()
    answers = levels(vedette=15, rcl=WARN, other=60)
    assert [successful for successful, _ in answers] == [False, True, False]
    assert answers[0][1].startswith("level 15 is none, expected 10 (debug), 20 (info)")
    assert levels("vedette", "rcl", "other") == [0, WARN, 0]


def test_the_services_are_those_of_an_rclpy_node(start, ros, levels, listen):
    start("-r", "__ns:=/left", name="/left/vedette")
    theirs = Node("theirs", enable_logger_service=True)
    listener = listen({})
    try:
        wait_until(lambda: listener.node.get_service_names_and_types_by_node("theirs", "/"), "rclpy's services")

        def of(name, namespace):
            services = listener.node.get_service_names_and_types_by_node(name, namespace)
            return {name.rsplit("/", 1)[1]: types for name, types in services if "logger" in name}

        wait_until(lambda: len(of("theirs", "/")) == 2, "rclpy's logger services")
        assert of("vedette", "/left") == of("theirs", "/")
    finally:
        theirs.destroy_node()
    node = "/left/vedette"
    assert levels(node=node, **{"left.vedette": WARN}) == [(True, "")]
    assert levels("left.vedette", node=node) == [WARN]
