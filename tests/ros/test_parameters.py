"""Parameter services, as `ros2 param` uses them."""

import pytest
from camera import wait_until
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)


@pytest.fixture
def client(start, listen, tmp_path):
    """A node with a parameter file, and someone who asks it."""
    params = tmp_path / "params.yaml"
    params.write_text("/**:\n  ros__parameters:\n    score_threshold: 0.4\n    base_frame: base_footprint\n")
    start("--params-file", params, "-p", "max_age_ms:=321", "-p", "qos_overrides./image.subscription.depth:=2")
    return listen({})


def test_values_of_file_and_command_line_are_seen(client):
    names = ["score_threshold", "base_frame", "max_age_ms", "use_sim_time", "providers", "no_such"]
    values = client.call(GetParameters, "/vedette/get_parameters", GetParameters.Request(names=names)).values
    assert values[0].double_value == 0.4 and values[1].string_value == "base_footprint"
    assert values[2].integer_value == 321
    assert values[3].type == ParameterType.PARAMETER_BOOL and values[3].bool_value is False
    assert values[4].string_array_value == ["tensorrt", "cuda", "cpu"]
    assert values[5].type == ParameterType.PARAMETER_NOT_SET
    types = client.call(GetParameterTypes, "/vedette/get_parameter_types", GetParameterTypes.Request(names=names)).types
    assert list(types) == [value.type for value in values]


def test_all_parameters_are_listed(client):
    result = client.call(ListParameters, "/vedette/list_parameters", ListParameters.Request()).result
    assert {"model", "max_age_ms", "use_sim_time", "qos_overrides./image.subscription.depth"} <= set(result.names)
    assert result.prefixes == ["qos_overrides./image.subscription"]
    request = ListParameters.Request(prefixes=["qos_overrides"])
    below = client.call(ListParameters, "/vedette/list_parameters", request).result.names
    assert below == ["qos_overrides./image.subscription.depth"]


def test_ranges_and_meanings_are_described(client):
    names = ["score_threshold", "max_age_ms", "provider_policy"]
    request = DescribeParameters.Request(names=names)
    found = client.call(DescribeParameters, "/vedette/describe_parameters", request).descriptors
    assert all(entry.read_only and entry.description for entry in found)
    score_range = found[0].floating_point_range[0]
    assert (score_range.from_value, score_range.to_value) == (0.0, 1.0)
    assert found[1].integer_range[0].from_value == 1
    assert "strict" in found[2].additional_constraints


def test_setting_is_refused_with_the_reason(client):
    value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=0.9)
    parameters = [Parameter(name="score_threshold", value=value), Parameter(name="no_such", value=value)]
    request = SetParameters.Request(parameters=parameters)
    results = client.call(SetParameters, "/vedette/set_parameters", request).results
    assert [result.successful for result in results] == [False, False]
    assert "read-only" in results[0].reason and "not declared" in results[1].reason
    request = SetParametersAtomically.Request(parameters=parameters)
    result = client.call(SetParametersAtomically, "/vedette/set_parameters_atomically", request).result
    assert not result.successful and "score_threshold" in result.reason
    values = client.call(GetParameters, "/vedette/get_parameters", GetParameters.Request(names=["score_threshold"]))
    assert values.values[0].double_value == 0.4


@pytest.mark.parametrize(
    ("service", "name", "request_", "is_whole"),
    [
        (
            GetParameters,
            "get_parameters",
            GetParameters.Request(names=["max_age_ms"]),
            lambda answer: answer.values[0].integer_value == 321,
        ),
        (
            ListParameters,
            "list_parameters",
            ListParameters.Request(),
            lambda answer: "max_age_ms" in answer.result.names,
        ),
        (
            GetParameterTypes,
            "get_parameter_types",
            GetParameterTypes.Request(names=["max_age_ms"]),
            lambda answer: list(answer.types) == [ParameterType.PARAMETER_INTEGER],
        ),
    ],
)
def test_of_two_hundred_requests_at_once_each_is_answered(client, listen, service, name, request_, is_whole):
    clients = [client, listen({})]
    futures = []
    for each in clients:
        futures += each.ask_at_once(service, f"/vedette/{name}", [request_] * 100)
    wait_until(lambda: all(future.done() for future in futures), "all answers", 20)
    assert all(is_whole(future.result()) for future in futures)
