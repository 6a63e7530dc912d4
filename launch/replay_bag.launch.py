"""Plays a recording through the node and records what the node says of it.

    ros2 launch vedette replay_bag.launch.py bag:=data/vtest image:=/camera/image params_file:=config/vtest.yaml
    ros2 launch vedette replay_bag.launch.py bag:=drive record_to:=drive_again rate:=0.5

The node runs on the recording's time. The launch ends with the recording; it fails when the player does. Takes the
arguments of vedette.launch.py too. Where `ros2 bag` is installed it plays and records, and real time decides which
pictures the node is too slow for; else play_bag.py and record_bag.py of this repository do, which need rosbags of PyPI.
For the same bytes every time, and faster, see `vedette replay`.
"""

import sys
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit, OnProcessIO
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

ARGUMENTS = {
    "record_to": ("", "the folder of the new recording; empty: the bag's name with _vedette behind it, in this folder"),
    "rate": ("1.0", "times the recorded pace"),
    "namespace": ("", "the node's namespace"),
    "name": ("vedette", "the node's name"),
}
# What the node logs once it takes pictures.
READY = "listens to"
HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parent / "scripts"


def generate_launch_description():
    arguments = [DeclareLaunchArgument("bag", description="the recording: a folder, an .mcap or a .db3 file")]
    arguments += [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(HERE / "vedette.launch.py")), launch_arguments={"use_sim_time": "true"}.items()
    )
    return LaunchDescription([*arguments, OpaqueFunction(function=around), GroupAction([node])])


def around(context):
    """The recorder, and the player once the node takes pictures."""
    given = {name: LaunchConfiguration(name).perform(context).strip() for name in ("bag", *ARGUMENTS)}
    bag = Path(given["bag"]).expanduser()
    if not bag.exists():
        raise FileNotFoundError(f"bag:={given['bag']}: there is no {bag.absolute()}")
    target = Path(given["record_to"]).expanduser() if given["record_to"] else Path(f"{bag.stem}_vedette")
    if target.exists():
        raise FileExistsError(f"record_to:={target}: it is there already, expected a name that is free")
    full_name = "/" + "/".join(part.strip("/") for part in (given["namespace"], given["name"]) if part.strip("/"))
    play, record = tools(bag, target, given["rate"], full_name)
    player = ExecuteProcess(cmd=play, name="player", output="screen")
    started = []

    def start_player(event):
        if READY not in event.text.decode(errors="replace") or started:
            return None
        started.append(event.process_name)
        return [player]

    return [
        ExecuteProcess(cmd=record, name="recorder", output="screen"),
        RegisterEventHandler(OnProcessIO(on_stderr=start_player, on_stdout=start_player)),
        RegisterEventHandler(OnProcessExit(target_action=player, on_exit=played)),
    ]


def played(event, _):
    """The recording is over: the node and the recorder are asked to end."""
    if event.returncode != 0:
        return [OpaqueFunction(function=failed, args=[event.returncode])]
    return [EmitEvent(event=Shutdown(reason="the recording has been played"))]


def failed(_, code):
    raise RuntimeError(f"the player ended with {code}")


def tools(bag, target, rate, node):
    """The commands that play and record."""
    # All that the node says, but for its pictures: they are drawn only for those who look.
    said = f"^{node}/(?!image_annotated).*"
    try:
        get_package_prefix("ros2bag")
    except PackageNotFoundError:
        missing = [script for script in ("play_bag.py", "record_bag.py") if not (SCRIPTS / script).is_file()]
        if missing:
            raise FileNotFoundError("there is no ros2 bag: install the package ros2bag") from None
        play = [SCRIPTS / "play_bag.py", bag, "--clock", "--wait-for-node", "--node", node, "--rate", rate]
        record = [SCRIPTS / "record_bag.py", target, "--use-sim-time", "--regex", said]
        return [sys.executable, *map(str, play)], [sys.executable, *map(str, record)]
    play = ["ros2", "bag", "play", str(bag), "--clock", "100", "--rate", rate]
    return play, ["ros2", "bag", "record", "--use-sim-time", "-o", str(target), "--regex", said]
