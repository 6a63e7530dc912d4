"""The other side of `~/ask`: an rclpy action client that keeps all that it is told."""

import time

from action_msgs.msg import GoalStatus
from camera import wait_until
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile
from vedette_msgs.action import Ask

WORDS = {
    GoalStatus.STATUS_SUCCEEDED: "succeeded",
    GoalStatus.STATUS_CANCELED: "canceled",
    GoalStatus.STATUS_ABORTED: "aborted",
}


class Asked:
    """One goal."""

    def __init__(self, client, **goal):
        self.feedback = []
        self.ended = None
        sent = client.send_goal_async(Ask.Goal(**goal), lambda message: self.feedback.append(message.feedback))
        wait_until(sent.done, "an answer to the goal")
        self.handle = sent.result()
        self.accepted = self.handle.accepted
        if self.accepted:
            self.future = self.handle.get_result_async()

    @property
    def said(self):
        """What came as feedback."""
        return "".join(piece.text for piece in self.feedback)

    def cancel(self):
        """Asks the node to end it; returns the return code and how many goals are to end."""
        future = self.handle.cancel_goal_async()
        wait_until(future.done, "an answer to the cancellation")
        return future.result().return_code, len(future.result().goals_canceling)

    def end(self, patience_s=30.0):
        """Waits for it; returns its state and its result."""
        wait_until(self.future.done, "the end of a goal", patience_s)
        return WORDS[self.future.result().status], self.future.result().result


class Asker:
    """Asks one node."""

    def __init__(self, listener, name="/vedette/ask", depth=10):
        qos = QoSProfile(depth=depth)
        self.client = ActionClient(
            listener.node,
            Ask,
            name,
            goal_service_qos_profile=qos,
            result_service_qos_profile=qos,
            feedback_sub_qos_profile=qos,
        )
        assert self.client.wait_for_server(10), f"no action {name}"
        # The node's side of the connection: what it says before is lost.
        time.sleep(0.5)

    def ask_at_once(self, count, **goal):
        """Sends goals without waiting between them. Returns, for each, the future of its handle and its feedback."""
        asked = []
        for _ in range(count):
            feedback = []
            keep = lambda message, feedback=feedback: feedback.append(message.feedback)  # noqa: E731
            asked.append((self.client.send_goal_async(Ask.Goal(**goal), keep), feedback))
        return asked

    def ask(self, question="", **goal):
        return Asked(self.client, question=question, **goal)

    def close(self):
        self.client.destroy()
