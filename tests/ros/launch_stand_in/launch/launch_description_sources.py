"""Launch files in Python."""

import importlib.util


class PythonLaunchDescriptionSource:
    def __init__(self, path):
        self.path = path

    def load(self):
        spec = importlib.util.spec_from_file_location("launch_file", self.path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.generate_launch_description()
