#!/usr/bin/env python3
"""What Nav2's lifecycle manager does at its start, in its place: configures and activates the nodes of `node_names`.

Where `bond_timeout` is above 0, it waits for the heartbeat of each node on `bond` before it goes on to the next.
"""

import sys

import rclpy
from bond.msg import Status
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.node import Node

PATIENCE_S = 60.0


class Manager(Node):
    """The node, with the parameters of Nav2's."""

    def __init__(self):
        super().__init__("lifecycle_manager")
        self.names = self.declare_parameter("node_names", [""]).value
        self.autostart = self.declare_parameter("autostart", False).value
        self.bond_timeout = self.declare_parameter("bond_timeout", 4.0).value
        self.alive = set()
        self.create_subscription(Status, "bond", lambda status: self.alive.add(status.id), 10)

    def start(self, name):
        """One node, up to active and bonded."""
        client = self.create_client(ChangeState, f"{name}/change_state")
        if not client.wait_for_service(PATIENCE_S):
            raise RuntimeError(f"no service {client.srv_name}")
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
            rclpy.spin_until_future_complete(self, future, timeout_sec=PATIENCE_S)
            if not future.done() or not future.result().success:
                raise RuntimeError(f"{name} does not make transition {transition}")
        end = self.get_clock().now().nanoseconds + int(self.bond_timeout * 1e9)
        while self.bond_timeout > 0 and name not in self.alive:
            if self.get_clock().now().nanoseconds > end:
                raise RuntimeError(f"no heartbeat of {name} on bond")
            rclpy.spin_once(self, timeout_sec=0.1)
        self.get_logger().info(f"managed nodes are active: {name}")


def main():
    rclpy.init(args=sys.argv)
    manager = Manager()
    try:
        for name in manager.names if manager.autostart else []:
            manager.start(name)
        rclpy.spin(manager)
    except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()
