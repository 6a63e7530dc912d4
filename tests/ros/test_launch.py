"""The launch file, run with the real node: through ROS 2's `launch` where it is installed, else a stand-in for it."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from camera import wait_until
from rcl_interfaces.srv import GetParameters
from vedette_msgs.msg import Plan

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@pytest.fixture
def launch(binary, tmp_path):
    """Runs the launch file with arguments, in a process of its own."""
    environment = os.environ | {"VEDETTE_BIN": str(binary)}
    # Not `launch`: seen from the root, our own folder of that name would do.
    if importlib.util.find_spec("launch_ros") is None:
        environment["PYTHONPATH"] = f"{HERE / 'launch_stand_in'}:{environment.get('PYTHONPATH', '')}"
    processes, log = [], (tmp_path / "launch.log").open("w")

    def run(*arguments):
        command = [sys.executable, HERE / "run_launch_file.py", ROOT / "launch/vedette.launch.py", *arguments]
        # A process group of its own: a terminal's Ctrl-C goes to all of it, and so does ours.
        processes.append(
            subprocess.Popen(
                list(map(str, command)), cwd=ROOT, env=environment, stderr=log, stdout=log, start_new_session=True
            )
        )
        return processes[-1]

    yield run
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    log.close()


def test_the_launch_file_starts_the_node_as_its_arguments_say(launch, model, listen, tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text(f"/**:\n  ros__parameters:\n    model: {model}\n    max_age_ms: 321\n")
    process = launch(
        f"params_file:={params}", "namespace:=robot1", "name:=scout", "image:=/front/image", "odom:=/wheels/odom",
        "use_sim_time:=true", "log_level:=warn",
    )  # fmt: skip
    listener = listen({})
    for topic in ("/front/image", "/front/camera_info", "/wheels/odom", "/clock"):
        wait_until(lambda topic=topic: listener.node.count_subscribers(topic) >= 1, f"a subscriber to {topic}", 20)
    request = GetParameters.Request(names=["max_age_ms", "use_sim_time"])
    values = listener.call(GetParameters, "/robot1/scout/get_parameters", request).values
    assert values[0].integer_value == 321 and values[1].bool_value is True
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("reason_model:=no_such_model", 'no model "no_such_model"'),
        ("prompts:=scarlet box; van", 'parameter prompts: the prompts need a text encoder: no model "no_such_encoder"'),
    ],
)
def test_words_and_models_that_are_named_reach_the_node(launch, model, tmp_path, argument, reason):
    params = tmp_path / "params.yaml"
    params.write_text(f"/**:\n  ros__parameters:\n    model: {model}\n    text_model: no_such_encoder\n")
    process = launch(f"params_file:={params}", argument)
    wait_until(lambda: reason in (tmp_path / "launch.log").read_text(), "the reason why there is no node", 20)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(10)


@pytest.mark.parametrize("namespace", ["", "robot1"])
@pytest.mark.parametrize("sections", [["/**"], ["vedette", "/**"], ["/**/vedette", "/robot1/vedette", "/**"]])
def test_what_the_command_line_says_outdoes_the_file(launch, model, listen, tmp_path, namespace, sections):
    params = tmp_path / "params.yaml"
    said = f"  ros__parameters:\n    model: {model}\n    use_sim_time: false\n    reason_model: from_the_file\n"
    params.write_text("".join(f"{section}:\n{said}" for section in sections))
    launch(f"params_file:={params}", f"namespace:={namespace}", "use_sim_time:=true", "reason_model:=no_such_model")
    log = tmp_path / "launch.log"
    wait_until(lambda: "no model" in log.read_text(), "the reason why there is no node", 20)
    assert 'no model "no_such_model"' in log.read_text()


def test_without_arguments_the_node_is_called_vedette(launch, model, listen, tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text(f"vedette:\n  ros__parameters:\n    model: {model}\n")
    process = launch(f"params_file:={params}")
    listener = listen({"/vedette/plan": Plan})
    wait_until(lambda: listener.node.count_subscribers("/image") == 1, "a subscriber to /image", 20)
    wait_until(lambda: listener["/vedette/plan"], "the watchdog's plan")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(10) == 0
