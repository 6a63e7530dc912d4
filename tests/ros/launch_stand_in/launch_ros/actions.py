"""A node as a process, with the command line that launch_ros gives it."""

import os
import tempfile
from pathlib import Path

import yaml
from ament_index_python.packages import get_package_prefix


class Node:
    def __init__(
        self, *, executable, package=None, name=None, namespace=None, parameters=(), remappings=(), arguments=(),
        ros_arguments=(), additional_env=None, output=None,
    ):  # fmt: skip
        self.executable, self.package, self.name, self.namespace = executable, package, name, namespace
        self.parameters, self.remappings = parameters, remappings
        self.arguments, self.ros_arguments = arguments, ros_arguments
        self.additional_env = additional_env or {}

    def command(self):
        command = [self.executable]
        if self.package is not None:
            command = [str(Path(get_package_prefix(self.package), "lib", self.package, self.executable))]
        command += [*self.arguments, "--ros-args", *self.ros_arguments]
        if self.name is not None:
            command += ["-r", f"__node:={self.name}"]
        if self.namespace is not None:
            command += ["-r", f"__ns:=/{self.namespace.lstrip('/')}"]
        for parameters in self.parameters:
            command += ["--params-file", parameters if isinstance(parameters, str) else self.written(parameters)]
        for old, new in self.remappings:
            command += ["-r", f"{old}:={new}"]
        return command

    def environment(self):
        return os.environ | self.additional_env

    def written(self, parameters):
        """Parameters that are no file become one: for the node's full name where name and namespace are given."""
        is_named = self.name is not None and self.namespace is not None
        section = f"/{self.namespace.strip('/')}/{self.name}" if is_named else "/**"
        with tempfile.NamedTemporaryFile("w", prefix="launch_params_", delete=False) as file:
            yaml.dump({section: {"ros__parameters": parameters}}, file)
        return file.name
