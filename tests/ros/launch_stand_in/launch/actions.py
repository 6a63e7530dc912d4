"""Arguments, functions and included files."""


class DeclareLaunchArgument:
    def __init__(self, name, *, default_value, description):
        self.name, self.default_value, self.description = name, default_value, description

    def visit(self, context):
        context.launch_configurations.setdefault(self.name, self.default_value)


class OpaqueFunction:
    def __init__(self, *, function):
        self.function = function

    def visit(self, context):
        return self.function(context)


class IncludeLaunchDescription:
    def __init__(self, source, *, launch_arguments):
        self.source, self.launch_arguments = source, launch_arguments
