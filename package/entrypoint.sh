#!/bin/bash
# The image's entry point: the command in an environment that knows ROS and Vedette.
set -e
source "/opt/ros/$ROS_DISTRO/setup.bash"
source /opt/vedette/local_setup.bash
exec "$@"
