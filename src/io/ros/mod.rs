//! The live ROS 2 node.
