"""The launch files, run by `ros2 launch` with the real node, and with programs that tell what they were started with."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import ros2_tools
import yaml
from camera import HEIGHT, WIDTH, noisy_red, wait_until
from rcl_interfaces.srv import GetParameters
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import Image
from vedette_msgs.msg import Plan

ROOT = Path(__file__).resolve().parents[2]
FILES = ["vedette.launch.py", "vedette.launch.xml", "vedette.launch.yaml"]

# Writes its command line, and what its parameter files hold, one line of JSON for each start. launch_ros writes lists as
# tuples of Python.
RECORDER = """#!{python}
import json, os, sys, time
import yaml
files = [sys.argv[at + 1] for at, word in enumerate(sys.argv) if word == "--params-file"]
line = {{"argv": sys.argv[1:], "files": [yaml.unsafe_load(open(file)) for file in files]}}
with open({told!r}, "a") as told:
    told.write(json.dumps(line) + "\\n")
time.sleep({seconds})
"""


class Launch:
    """`ros2 launch` with arguments, in a process of its own."""

    def __init__(self, environment, log, arguments, cwd, path):
        self.log_path = log
        command = [shutil.which("ros2", path=environment["PATH"]), "launch", *map(str, arguments)]
        environment = environment | path
        with log.open("w") as file:
            # A process group of its own: a terminal's Ctrl-C goes to all of it, and so does ours.
            self.process = subprocess.Popen(
                command, cwd=cwd, env=environment, stderr=file, stdout=file, start_new_session=True
            )

    @property
    def log(self):
        return self.log_path.read_text()

    def says(self, words, patience_s=30):
        wait_until(lambda: words in self.log or self.process.poll() is not None, f"{words!r}", patience_s)
        assert words in self.log, self.log

    def interrupt(self):
        """As Ctrl-C does; its exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(15)

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def launch(ros2_tools_environment, binary, tmp_path):
    """Runs a launch file: `launch("vedette.launch.py", "name:=scout")`; one of launch/, or `package file`."""
    launches = []

    def run(file, *arguments, cwd=ROOT, path=None, **variables):
        environment = ros2_tools_environment | {"VEDETTE_BIN": str(binary), "ROS_LOG_DIR": str(tmp_path)} | variables
        path = {"PATH": f"{path}:{environment['PATH']}"} if path else {}
        files = file.split() if " " in file else [ROOT / "launch" / file]
        launches.append(Launch(environment, tmp_path / f"launch{len(launches)}.log", [*files, *arguments], cwd, path))
        return launches[-1]

    yield run
    for one in launches:
        one.kill()


@pytest.fixture
def recorder(tmp_path):
    """A program in the node's place: `recorder(seconds)` gives what VEDETTE_BIN is to name, and what was told."""

    def place(seconds=60.0, path=tmp_path / "program/vedette_node"):
        told = tmp_path / f"{path.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RECORDER.format(python=sys.executable, told=str(told), seconds=seconds))
        path.chmod(0o755)

        def starts(count=1):
            wait_until(lambda: told.exists() and told.read_text().count("\n") >= count, f"{count} starts", 30)
            return [json.loads(line) for line in told.read_text().splitlines()]

        return str(path.with_name("vedette")), starts

    return place


def parameters(text, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return path


def test_the_three_launch_files_have_the_same_arguments(ros2_tools_environment):
    shown = [
        subprocess.run(
            ["ros2", "launch", ROOT / "launch" / file, "--show-args"],
            env=ros2_tools_environment, capture_output=True, text=True, check=True,
        ).stdout
        for file in FILES
    ]  # fmt: skip
    assert shown[0] == shown[1] == shown[2]
    names = [line.strip("' :") for line in shown[0].splitlines() if line.startswith("    '")]
    wanted = "params_file namespace name image camera_info odom cameras autostart respawn log_level use_sim_time prompts"
    assert set(wanted.split()) <= set(names)
    assert "no description given" not in shown[0]


@pytest.mark.parametrize("file", FILES)
def test_the_launch_file_starts_the_node_as_its_arguments_say(launch, model, listen, tmp_path, file):
    params = parameters(f"/**:\n  ros__parameters:\n    model: {model}\n    max_age_ms: 321\n", tmp_path)
    launched = launch(
        file, f"params_file:={params}", "namespace:=robot1", "name:=scout", "image:=/front/image", "odom:=/wheels/odom",
        "use_sim_time:=true", "log_level:=warn",
    )  # fmt: skip
    listener = listen({})
    for topic in ("/front/image", "/front/camera_info", "/wheels/odom", "/clock"):
        wait_until(lambda topic=topic: listener.node.count_subscribers(topic) >= 1, f"a subscriber to {topic}", 20)
    request = GetParameters.Request(names=["max_age_ms", "use_sim_time"])
    values = listener.call(GetParameters, "/robot1/scout/get_parameters", request).values
    assert values[0].integer_value == 321 and values[1].bool_value is True
    assert launched.interrupt() == 0
    assert "process has finished cleanly" in launched.log and "renames nothing" not in launched.log


def test_several_cameras_have_topics_by_their_names_and_remaps(launch, model, listen, tmp_path):
    params = parameters(f"/**:\n  ros__parameters:\n    model: {model}\n    front: {{mount_x_m: 0.4}}\n", tmp_path)
    remaps = "front/image:=/cam0/image_raw; rear/imgae:=/cam1/image_raw"
    launched = launch("vedette.launch.py", f"params_file:={params}", "cameras:=front; rear", f"remaps:={remaps}")
    listener = listen({})
    for topic in ("/cam0/image_raw", "/cam0/camera_info", "/rear/image", "/rear/camera_info"):
        wait_until(lambda topic=topic: listener.node.count_subscribers(topic) >= 1, f"a subscriber to {topic}", 20)
    launched.says("remap rule rear/imgae:=/cam1/image_raw renames nothing of /vedette, did you mean rear/image?")
    request = GetParameters.Request(names=["front.mount_x_m", "rear.mount_x_m"])
    values = listener.call(GetParameters, "/vedette/get_parameters", request).values
    assert [value.double_value for value in values] == [0.4, 0.0]


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("reason_model:=no_such_model", 'no model "no_such_model"'),
        ("model:=no_such_detector", 'no model "no_such_detector"'),
        ("prompts:=scarlet box; van", 'parameter prompts: the prompts need a text encoder: no model "no_such_encoder"'),
        ("prompts:=scarlet box, van", 'several are ["scarlet box", "van"]'),
        ("remaps:=imgae:=/x", "remap rule imgae:=/x renames nothing of /vedette, did you mean image?"),
    ],
)
def test_what_is_said_reaches_the_node_and_what_is_odd_is_told(launch, model, tmp_path, argument, reason):
    text = f"/**:\n  ros__parameters:\n    model: {model}\n    text_model: no_such_encoder\n"
    launch("vedette.launch.py", f"params_file:={parameters(text, tmp_path)}", argument).says(reason)


@pytest.mark.parametrize("namespace", ["", "robot1"])
@pytest.mark.parametrize("sections", [["/**"], ["vedette", "/**"], ["/**/vedette", "/robot1/vedette", "/**"]])
def test_what_the_command_line_says_outdoes_the_file(launch, model, listen, tmp_path, namespace, sections):
    said = f"  ros__parameters:\n    model: {model}\n    use_sim_time: false\n    reason_model: from_the_file\n"
    params = parameters("".join(f"{section}:\n{said}" for section in sections), tmp_path)
    arguments = [f"params_file:={params}", "use_sim_time:=true", "reason_model:=no_such_model"]
    arguments += [f"namespace:={namespace}"] if namespace else []
    launched = launch("vedette.launch.py", *arguments)
    launched.says("no model")
    assert 'no model "no_such_model"' in launched.log


def test_what_the_command_line_does_not_say_leaves_the_file_as_it_is(launch, model, listen, tmp_path):
    params = parameters(f"/**:\n  ros__parameters:\n    model: {model}\n    use_sim_time: true\n", tmp_path)
    launched = launch("vedette.launch.py", f"params_file:={params}")
    listener = listen({})
    wait_until(lambda: listener.node.count_subscribers("/clock") >= 1, "a subscriber to /clock", 20)
    # A signal while the launch is still busy with the start ends it otherwise.
    launched.says("listens to")
    assert launched.interrupt() == 0


def test_without_arguments_the_node_is_called_vedette(launch, model, listen, tmp_path):
    params = parameters(f"vedette:\n  ros__parameters:\n    model: {model}\n", tmp_path)
    launched = launch("vedette.launch.py", f"params_file:={params}")
    listener = listen({"/vedette/plan": Plan})
    wait_until(lambda: listener.node.count_subscribers("/image") == 1, "a subscriber to /image", 20)
    wait_until(lambda: listener["/vedette/plan"], "the watchdog's plan")
    assert launched.interrupt() == 0


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("params_file:=no_such.yaml", "params_file:=no_such.yaml: there is neither a file /"),
        ("params_file:=vtest.yaml; no_such.yaml", "params_file:=no_such.yaml: there is neither a file /"),
        ("use_sim_time:=yes", "use_sim_time:=yes, expected true or false"),
        ("autostart:=1", "autostart:=1, expected true or false"),
        ("respawn:=always", "respawn:=always, expected true or false"),
        ("respawn_delay_s:=soon", "respawn_delay_s:=soon, expected a number of seconds"),
        ("remaps:=image=/x", "remaps:=image=/x, expected rules such as image:=/cam0/image_raw"),
    ],
)
def test_an_argument_that_cannot_be_meant_fails_the_launch_by_name(launch, argument, reason):
    launched = launch("vedette.launch.py", argument)
    assert launched.process.wait(30) == 1
    assert reason in launched.log and "process started" not in launched.log, launched.log


def test_remaps_files_and_autostart_are_handed_on(launch, recorder, tmp_path):
    program, starts = recorder()
    own = parameters("/**:\n  ros__parameters:\n    max_age_ms: 321\n", tmp_path)
    launch(
        "vedette.launch.xml", f"params_file:=drone.yaml; {own}", "autostart:=false",
        "remaps:=image/compressed:=/cam0/jpeg; ~/plan:=/plan", "prompts:=pedestrian; delivery van",
        "cameras:=front; rear", VEDETTE_BIN=program,
    )  # fmt: skip
    [start] = starts()
    argv, files = start["argv"], start["files"]
    assert "image/compressed:=/cam0/jpeg" in argv and "~/plan:=/plan" in argv
    assert not any(word.startswith(("image:=", "odom:=", "camera_info:=")) for word in argv)
    assert files[1] == yaml.safe_load((ROOT / "config/drone.yaml").read_text())
    assert files[2] == yaml.safe_load(own.read_text())
    said = {"autostart": False, "prompts": ["pedestrian", "delivery van"], "cameras": ["front", "rear"]}
    assert files[3] == {"/**/**/vedette": {"ros__parameters": said}}


def test_without_arguments_nothing_is_said_but_where_the_models_are(launch, recorder):
    program, starts = recorder()
    launch("vedette.launch.py", VEDETTE_BIN=program)
    [start] = starts()
    [file] = start["files"]
    [section] = file.values()
    assert list(section["ros__parameters"]) == ["model_dirs"]


def test_the_node_is_started_again_where_that_is_asked_for(launch, recorder):
    program, starts = recorder(seconds=0.1)
    launch("vedette.launch.py", "respawn:=true", "respawn_delay_s:=0.1", VEDETTE_BIN=program)
    assert len(starts(3)) >= 3


@pytest.fixture
def package(ros2_tools_environment, binary, tmp_path):
    """The package as it is installed; returns the environment."""
    ros2_tools.installed(tmp_path / "install", ROOT, binary)
    prefixes = f"{tmp_path / 'install'}:{ros2_tools_environment['AMENT_PREFIX_PATH']}"
    return ros2_tools_environment | {"AMENT_PREFIX_PATH": prefixes}


def test_the_installed_package_is_launched_by_its_name(launch, package, model, listen, tmp_path):
    params = parameters(f"/**:\n  ros__parameters:\n    model: {model}\n", tmp_path)
    launched = launch(
        "vedette vedette.launch.yaml", f"params_file:={params}", cwd=tmp_path,
        AMENT_PREFIX_PATH=package["AMENT_PREFIX_PATH"],
    )  # fmt: skip
    launched.says("listens to /image")
    assert launched.interrupt() == 0


def test_ros2_run_starts_the_node_without_a_subcommand(package, model, tmp_path):
    log = tmp_path / "run.log"
    rules = [
        "--ros-args", "-r", "__ns:=/robot1", "-r", "image:=/front/image", "-p", f"model:={model}", "--log-level", "info",
        "--log-level", "rcl:=warn", "--enclave", "/robot1", "--disable-rosout-logs", "--enable-stdout-logs",
        "--log-file-name", "scout", "--disable-external-lib-logs",
    ]  # fmt: skip
    with log.open("w") as file:
        process = subprocess.Popen(
            ["ros2", "run", "vedette", "vedette_node", *rules],
            env=package, cwd=tmp_path, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(lambda: "listens to" in log.read_text() or process.poll() is not None, "the node", 30)
        assert "/robot1/vedette listens to /front/image" in log.read_text()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(15) == 0, log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--ros-args", "--params_file", "x.yaml"], '"--params_file" is no ROS argument, the nearest is --params-file'),
        (["--ros-args", "image:=/x"], '"image:=/x" is no ROS argument, expected -r before a remap rule'),
        (["image:=/x"], '"image:=/x" is no argument of the node, expected --ros-args'),
    ],
)
def test_what_is_no_argument_is_refused_by_name(package, arguments, reason):
    command = ["ros2", "run", "vedette", "vedette_node", *arguments]
    done = subprocess.run(command, env=package, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and reason in done.stderr, done


@pytest.mark.parametrize(("flag", "words"), [("--help", "Usage: vedette_node"), ("--version", "vedette_node 0.")])
def test_the_node_says_what_it_is(package, flag, words):
    command = ["ros2", "run", "vedette", "vedette_node", flag]
    done = subprocess.run(command, env=package, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and words in done.stdout, done


def test_a_parameter_file_that_is_not_there_ends_the_node_by_name(package):
    command = ["ros2", "run", "vedette", "vedette_node", "--ros-args", "--params-file", "no_such.yaml"]
    done = subprocess.run(command, env=package, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "cannot read parameter file no_such.yaml" in done.stderr, done


def test_beside_nav2_the_manager_and_the_node_are_told_of_each_other(launch, recorder, ros2_tools_environment, tmp_path):
    program, starts = recorder()
    _, managed = recorder(path=tmp_path / "lifecycle_manager")
    ros2_tools.package(
        tmp_path / "nav2", "nav2_lifecycle_manager", {"lifecycle_manager": tmp_path / "lifecycle_manager"}
    )
    launch(
        "vedette_nav2.launch.py", "namespace:=robot1", "name:=scout", "bond_timeout:=2.5", "image:=/front/image",
        VEDETTE_BIN=program, AMENT_PREFIX_PATH=f"{tmp_path / 'nav2'}:{ros2_tools_environment['AMENT_PREFIX_PATH']}",
    )  # fmt: skip
    [manager], [node] = managed(), starts()
    assert manager["files"] == [
        {
            "/robot1/lifecycle_manager_perception": {
                "ros__parameters": {
                    "node_names": ["scout"], "autostart": True, "bond_timeout": 2.5, "use_sim_time": False
                }
            }
        }
    ]  # fmt: skip
    said = {"autostart": False, "use_sim_time": False}
    assert node["files"][-1] == {"/**/**/scout": {"ros__parameters": said}}
    assert "__ns:=/robot1" in node["argv"] and "image:=/front/image" in node["argv"]


@pytest.mark.parametrize("namespace", ["", "/robot1"])
def test_beside_nav2_the_manager_starts_the_node(launch, ros2_tools_environment, model, listen, tmp_path, namespace):
    ros2_tools.lifecycle_manager(tmp_path / "nav2")
    params = parameters(f"/**:\n  ros__parameters:\n    model: {model}\n", tmp_path)
    arguments = [f"params_file:={params}"] + ([f"namespace:={namespace}"] if namespace else [])
    launched = launch(
        "vedette_nav2.launch.py", *arguments,
        AMENT_PREFIX_PATH=f"{tmp_path / 'nav2'}:{ros2_tools_environment['AMENT_PREFIX_PATH']}",
    )  # fmt: skip
    launched.says("managed nodes are active: vedette")
    launched.says(f"{namespace}/vedette listens to {namespace}/image")
    listener = listen({f"{namespace}/vedette/plan": Plan})
    wait_until(lambda: listener[f"{namespace}/vedette/plan"], "the watchdog's plan")
    assert launched.interrupt() == 0


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    """A bag of red pictures, in which the model sees boxes; four seconds."""
    path = tmp_path_factory.mktemp("drives") / "drive"
    begin_ns = 1_700_000_000 * 10**9
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        topic = writer.add_connection("/camera/image", "sensor_msgs/msg/Image", typestore=get_typestore(Stores.ROS2_JAZZY))
        for frame in range(40):
            at = begin_ns + frame * 100_000_000
            picture = Image(width=WIDTH, height=HEIGHT, step=3 * WIDTH, encoding="bgr8", data=noisy_red(frame))
            picture.header.frame_id = "camera_optical_frame"
            picture.header.stamp.sec, picture.header.stamp.nanosec = divmod(at, 10**9)
            writer.write(topic, at, bytes(serialize_message(picture)))
    return path


def test_a_bag_is_played_through_the_node_and_what_it_says_is_recorded(launch, model, drive, tmp_path):
    params = parameters(f"/**:\n  ros__parameters:\n    model: {model}\n", tmp_path)
    launched = launch(
        "replay_bag.launch.py", f"bag:={drive}", f"record_to:={tmp_path / 'again'}", f"params_file:={params}",
        "image:=/camera/image", "rate:=2", "namespace:=robot1",
    )  # fmt: skip
    assert launched.process.wait(60) == 0, launched.log
    begin_ns, stamps = 1_700_000_000 * 10**9, {}
    with AnyReader([tmp_path / "again"], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        for connection, logged_ns, cdr in reader.messages():
            assert begin_ns <= logged_ns < begin_ns + 10 * 10**9, "recorded in the time of the bag"
            stamps.setdefault(connection.topic, []).append(int.from_bytes(cdr[4:8], "little") * 10**9)
    assert len(stamps["/robot1/vedette/detections"]) >= 30 and len(stamps["/robot1/vedette/plan"]) >= 30
    assert stamps["/robot1/vedette/label_info"] and "/robot1/vedette/image_annotated" not in stamps
    assert set(stamps["/robot1/vedette/detections"]) <= {begin_ns + second * 10**9 for second in range(4)}


def test_where_ros2_bag_is_installed_it_plays_and_records(launch, recorder, ros2_tools_environment, model, drive, tmp_path):
    _, starts = recorder(seconds=0.5, path=tmp_path / "bin/ros2")
    ros2_tools.package(tmp_path / "ros2bag", "ros2bag", {})
    params = parameters(f"/**:\n  ros__parameters:\n    model: {model}\n", tmp_path)
    launched = launch(
        "replay_bag.launch.py", f"bag:={drive}", f"record_to:={tmp_path / 'again'}", f"params_file:={params}", "rate:=2",
        path=tmp_path / "bin",
        AMENT_PREFIX_PATH=f"{tmp_path / 'ros2bag'}:{ros2_tools_environment['AMENT_PREFIX_PATH']}",
    )  # fmt: skip
    record, play = (start["argv"] for start in starts(2))
    assert record == ["bag", "record", "--use-sim-time", "-o", str(tmp_path / "again"), "--regex", record[-1]]
    recorded = re.compile(record[-1])
    assert all(recorded.match(f"/vedette/{topic}") for topic in ("plan", "detections", "label_info"))
    assert not any(recorded.match(topic) for topic in ("/vedette/image_annotated", "/image", "/rosout"))
    assert play == ["bag", "play", str(drive), "--clock", "100", "--rate", "2"]
    assert launched.process.wait(30) == 0, launched.log


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["bag:=no_such_bag"], "bag:=no_such_bag: there is no "),
        (["bag:={drive}", "record_to:={drive}"], "it is there already, expected a name that is free"),
        (["bag:={drive}", "image:=/camera/image", "rate:=0"], "the player ended with 2"),
    ],
)
def test_what_cannot_be_replayed_fails_the_launch(launch, model, drive, tmp_path, arguments, reason):
    params = parameters(f"/**:\n  ros__parameters:\n    model: {model}\n", tmp_path)
    given = [argument.format(drive=drive) for argument in arguments]
    launched = launch("replay_bag.launch.py", *given, f"params_file:={params}", cwd=tmp_path)
    assert launched.process.wait(30) == 1 and reason in launched.log, launched.log
