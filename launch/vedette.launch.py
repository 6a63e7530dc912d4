"""Starts the node.

    ros2 launch vedette vedette.launch.py image:=/camera/image_raw
    ros2 launch vedette vedette.launch.py "params_file:=jetson_orin.yaml; delivery_robot.yaml" namespace:=robot1
    ros2 launch launch/vedette.launch.py params_file:=config/vedette.yaml     # from the repository

What is said here outdoes the parameter files, and what is not said leaves them as they are. The executable is that of
the installed package `vedette`; where that is not installed, `vedette_node` beside the program that the environment
variable VEDETTE_BIN names, else in target/release beside this file.
"""

import os
import tempfile
from pathlib import Path

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

ARGUMENTS = {
    "params_file": ("", "parameter files, separated by ';': paths, or names of files in the package's config folder"),
    "namespace": ("", "the node's namespace"),
    "name": ("vedette", "the node's name"),
    "image": ("image", "topic of the pictures"),
    "camera_info": ("", "topic of the camera's calibration; empty: beside the image"),
    "odom": ("odom", "topic of the odometry"),
    "cameras": ("", "several cameras, as 'front; rear': front/image and rear/image; empty: as the parameters say"),
    "remaps": ("", "more remap rules, separated by ';': 'front/image:=/cam0/image_raw; odom:=/wheels/odom'"),
    "model": ("", "the detector; empty: as the parameters say"),
    "prompts": ("", "what to look for, as 'pedestrian; delivery van'; empty: as the parameters say"),
    "reason_model": ("", "the language model that answers questions; empty: as the parameters say"),
    "autostart": ("", "false: the node waits to be configured and activated; empty: as the parameters say"),
    "use_sim_time": ("", "take the time from /clock: true or false; empty: as the parameters say"),
    "respawn": ("false", "start the node again whenever it ends"),
    "respawn_delay_s": ("2.0", "how long to wait before that"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
}
TOPICS = ("image", "camera_info", "odom")
# The repository, or share/vedette of the installed package: where config/ and models/ are.
ROOT = Path(__file__).resolve().parents[1]


def generate_launch_description():
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=node)])


def node(context):
    """The node, once the arguments have their values."""
    given = {name: LaunchConfiguration(name).perform(context).strip() for name in ARGUMENTS}
    files = [parameter_file(name) for name in several(given["params_file"])]
    # The files outdo what stands before them, and what is said here outdoes the files.
    parameters = [{"model_dirs": ["models", str(ROOT / "models")]}, *files]
    if values := said(given):
        parameters.append(outdoing_all(values, given["name"]))
    return [
        Node(
            **executable(),
            name=given["name"],
            namespace=given["namespace"] or None,
            parameters=parameters,
            remappings=remappings(given),
            ros_arguments=["--log-level", given["log_level"]],
            respawn=flag("respawn", given["respawn"]),
            respawn_delay=number("respawn_delay_s", given["respawn_delay_s"]),
            additional_env=dds_profile(),
            output="screen",
        )
    ]


def said(given):
    """The parameters among the arguments that have a value."""
    values = {name: flag(name, given[name]) for name in ("autostart", "use_sim_time") if given[name]}
    values |= {name: given[name] for name in ("model", "reason_model") if given[name]}
    return values | {name: words for name in ("prompts", "cameras") if (words := several(given[name]))}


def several(text):
    """The parts between semicolons."""
    return [part.strip() for part in text.split(";") if part.strip()]


def parameter_file(name):
    """The path of a parameter file, which must be there: launch_ros itself goes on without."""
    paths = [Path(name).expanduser().absolute(), ROOT / "config" / name]
    for path in paths:
        if path.is_file():
            return str(path)
    raise FileNotFoundError(f"params_file:={name}: there is neither a file {paths[0]} nor {paths[1]}")


def remappings(given):
    """The rules; none for a topic that has its own name."""
    rules = [(name, given[name]) for name in TOPICS if given[name] and given[name] != ARGUMENTS[name][0]]
    for rule in several(given["remaps"]):
        before, sign, after = rule.partition(":=")
        if not sign:
            raise ValueError(f"remaps:={rule}, expected rules such as image:=/cam0/image_raw, separated by ';'")
        rules.append((before.strip(), after.strip()))
    return rules


def flag(name, text):
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{name}:={text}, expected true or false")
    return text.lower() == "true"


def number(name, text):
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}:={text}, expected a number of seconds") from None


def outdoing_all(values, name):
    """A parameter file whose values count whatever the others say.

    ROS keeps the sections of all parameter files in the order in which their names first appear, and the last section
    that matches the node wins. What launch_ros writes goes into the section of the node's full name, which may stand
    before a file's `/**`; so these values have a section whose name no file has before it.
    """
    with tempfile.NamedTemporaryFile("w", prefix="vedette_launch_", suffix=".yaml", delete=False) as file:
        yaml.safe_dump({f"/**/**/{name}": {"ros__parameters": values}}, file)
    return file.name


def executable():
    """What to run: package and executable, or a path."""
    try:
        get_package_prefix("vedette")
        return {"package": "vedette", "executable": "vedette_node"}
    except PackageNotFoundError:
        vedette = Path(os.environ.get("VEDETTE_BIN", ROOT / "target/release/vedette")).absolute()
        path = vedette.with_name("vedette_node")
        if not path.exists():
            raise FileNotFoundError(
                f"neither the package vedette nor {path}: build it with colcon or `make build`, or set VEDETTE_BIN"
            ) from None
        return {"executable": str(path)}


def dds_profile():
    """The Fast DDS profile for big pictures, unless there is one already. The camera's driver needs it more."""
    variables = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
    profile = ROOT / "config/fastdds.xml"
    if any(os.environ.get(name) for name in variables) or not profile.exists():
        return {}
    return dict.fromkeys(variables, str(profile))
