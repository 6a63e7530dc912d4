"""Starts the node beside Nav2's lifecycle manager, which configures and activates it, and watches that it lives.

    ros2 launch vedette vedette_nav2.launch.py image:=/camera/image_raw params_file:=delivery_robot.yaml

Takes the arguments of vedette.launch.py too, but for `autostart`: the manager starts the node. Where the robot has a
manager already (nav2_bringup's `lifecycle_manager_navigation`), start the node with vedette.launch.py and
`autostart:=false` and add its name to that manager's `node_names`.
"""

from pathlib import Path
from typing import List

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

ARGUMENTS = {
    "namespace": ("", "the namespace of the node and of the manager"),
    "name": ("vedette", "the node's name"),
    "use_sim_time": ("false", "both take the time from /clock, whatever the files say: true or false"),
    "manager": ("lifecycle_manager_perception", "the manager's name"),
    "manager_autostart": ("true", "the manager starts the node at once; false: when it is asked to"),
    "bond_timeout": ("4.0", "seconds without a heartbeat after which the node counts as dead; 0: no heartbeats"),
}


def generate_launch_description():
    argument = LaunchConfiguration
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(Path(__file__).resolve().with_name("vedette.launch.py"))),
        launch_arguments={
            "namespace": argument("namespace"),
            "name": argument("name"),
            "use_sim_time": argument("use_sim_time"),
            "autostart": "false",
        }.items(),
    )
    manager = Node(
        package="nav2_lifecycle_manager",
        executable="lifecycle_manager",
        name=argument("manager"),
        namespace=argument("namespace"),
        parameters=[
            {
                "node_names": ParameterValue(["[", argument("name"), "]"], value_type=List[str]),
                "autostart": ParameterValue(argument("manager_autostart"), value_type=bool),
                "bond_timeout": ParameterValue(argument("bond_timeout"), value_type=float),
                "use_sim_time": ParameterValue(argument("use_sim_time"), value_type=bool),
            }
        ],
        output="screen",
    )
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, GroupAction([node]), manager])
