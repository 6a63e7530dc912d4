"""Stands in for ROS 2's `launch` where that is not installed, so that the launch file runs in every test.

Only what `launch/vedette.launch.py` and `run_launch_file.py` use, with the meaning that it has there.
"""

import subprocess


class LaunchContext:
    """The values of the launch arguments."""

    def __init__(self, given):
        self.launch_configurations = dict(given)


class LaunchDescription:
    def __init__(self, entities):
        self.entities = entities


class LaunchService:
    """Runs one description; a SIGINT reaches the process and ends it."""

    def include_launch_description(self, included):
        self.included = included

    def run(self):
        source, given = self.included.source, dict(self.included.launch_arguments)
        context, processes = LaunchContext(given), []
        for entity in source.load().entities:
            processes += entity.visit(context) or []
        running = [subprocess.Popen(action.command(), env=action.environment()) for action in processes]
        codes = []
        for process in running:
            try:
                codes.append(process.wait())
            except KeyboardInterrupt:
                codes.append(process.wait())
        return max(codes)
