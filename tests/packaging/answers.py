"""Asks a running node for a parameter through the packages of this shell: prints where the messages are, and the value."""

import sys
import time

import rclpy
import vedette_msgs
from rcl_interfaces.srv import GetParameters
from vedette_msgs.msg import Plan

if __name__ == "__main__":
    node_name, parameter = sys.argv[1:]
    rclpy.init()
    node = rclpy.create_node("asker")
    plans = []
    node.create_subscription(Plan, f"/{node_name}/plan", plans.append, 10)
    client = node.create_client(GetParameters, f"/{node_name}/get_parameters")
    if not client.wait_for_service(30.0):
        sys.exit("the node has no parameter service")
    answer = client.call_async(GetParameters.Request(names=[parameter]))
    deadline = time.monotonic() + 30.0
    # The watchdog's plan comes without a picture.
    while not (answer.done() and plans) and time.monotonic() < deadline:
        rclpy.spin_once(node, timeout_sec=0.1)
    if not (answer.done() and plans):
        sys.exit(f"answered: {answer.done()}, plans: {len(plans)}")
    print(vedette_msgs.__path__[0], answer.result().values[0].string_value, sep="\n")
