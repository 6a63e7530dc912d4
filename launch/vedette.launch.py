"""Starts the node.

    ros2 launch vedette vedette.launch.py image:=/camera/image_raw
    ros2 launch launch/vedette.launch.py params_file:=config/vedette.yaml namespace:=robot1     # from the repository

The executable is that of the installed package `vedette`; where that is not installed, the binary that the environment
variable VEDETTE_BIN names, else target/release/vedette beside this file.
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
    "params_file": ("", "a parameter file; empty: the defaults"),
    "namespace": ("", "the node's namespace"),
    "name": ("vedette", "the node's name"),
    "image": ("image", "topic of the pictures"),
    "camera_info": ("", "topic of the camera's calibration; empty: beside the image"),
    "odom": ("odom", "topic of the odometry"),
    "prompts": ("", "what to look for, as 'pedestrian; delivery van'; empty: as the parameters say"),
    "reason_model": ("", "the language model that answers questions; empty: as the parameters say"),
    "use_sim_time": ("false", "take the time from /clock"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
}
INPUTS = ("image", "camera_info", "odom")
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
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    use_sim_time = given["use_sim_time"].lower()
    if use_sim_time not in ("true", "false"):
        raise ValueError(f"use_sim_time:={given['use_sim_time']}, expected true or false")
    said = {"use_sim_time": use_sim_time == "true"}
    prompts = [prompt.strip() for prompt in given["prompts"].split(";") if prompt.strip()]
    said |= {"prompts": prompts} if prompts else {}
    said |= {"reason_model": given["reason_model"]} if given["reason_model"] else {}
    # The file outdoes what stands before it, and what is said here outdoes the file.
    parameters = [{"model_dirs": ["models", str(ROOT / "models")]}]
    parameters += [given["params_file"]] if given["params_file"] else []
    parameters.append(outdoing_all(said, given["name"]))
    return [
        Node(
            **executable(),
            arguments=["node"],
            name=given["name"],
            namespace=given["namespace"] or None,
            parameters=parameters,
            remappings=[(name, given[name]) for name in INPUTS if given[name]],
            ros_arguments=["--log-level", given["log_level"]],
            additional_env=dds_profile(),
            output="screen",
        )
    ]


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
        return {"package": "vedette", "executable": "vedette"}
    except PackageNotFoundError:
        built = ROOT / "target/release/vedette"
        path = Path(os.environ.get("VEDETTE_BIN", built)).absolute()
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
