"""The names that launch_ros imports of ROS's message package of this name, which is not among the wheels on PyPI.

They serve composable nodes, which nothing here starts.
"""


class LoadNode:
    """Loads a composable node."""

    class Request:
        """What is to be loaded."""

    class Response:
        """What was."""
