"""Runs a launch file through launch.LaunchService: `run_launch_file.py FILE name:=value …`."""

import sys

from launch import LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

if __name__ == "__main__":
    file, *given = sys.argv[1:]
    service = LaunchService()
    arguments = [tuple(argument.split(":=", 1)) for argument in given]
    service.include_launch_description(
        IncludeLaunchDescription(PythonLaunchDescriptionSource(file), launch_arguments=arguments)
    )
    sys.exit(service.run())
