"""What a node has in the graph, by the names and types that rclpy tells."""

from rclpy.action import get_action_server_names_and_types_by_node

OF_ACTIONS = "/_action/"


class GraphOf:
    """`GraphOf(node, "/vedette")`: what `node` sees of another one. Topics and services of actions are left out."""

    def __init__(self, node, name):
        self.node = node
        namespace, _, self.name = name.rpartition("/")
        self.namespace = namespace or "/"

    def plain(self, found):
        return {name: types[0] for name, types in found if OF_ACTIONS not in name}

    def of_actions(self, found):
        return {name for name, _ in found if OF_ACTIONS in name}

    def inputs(self):
        return self.plain(self.node.get_subscriber_names_and_types_by_node(self.name, self.namespace))

    def outputs(self):
        return self.plain(self.node.get_publisher_names_and_types_by_node(self.name, self.namespace))

    def services(self):
        return self.plain(self.node.get_service_names_and_types_by_node(self.name, self.namespace))

    def clients(self):
        return self.plain(self.node.get_client_names_and_types_by_node(self.name, self.namespace))

    def actions(self):
        return self.plain(get_action_server_names_and_types_by_node(self.node, self.name, self.namespace))

    def published_for_actions(self):
        return self.of_actions(self.node.get_publisher_names_and_types_by_node(self.name, self.namespace))

    def served_for_actions(self):
        return self.of_actions(self.node.get_service_names_and_types_by_node(self.name, self.namespace))

    def qos(self, ends):
        """Whether the node's ends of a topic are reliable, and whether they are transient local."""
        own = [end.qos_profile for end in ends if end.node_name == self.name and end.node_namespace == self.namespace]
        return {(qos.reliability.name == "RELIABLE", qos.durability.name == "TRANSIENT_LOCAL") for qos in own}
