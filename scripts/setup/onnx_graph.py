"""A graph in the making: nodes and constants in, an ONNX model out, with the `onnx` package alone.

The same calls give the same bytes: names are counted, not random, and the model carries no date.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class Graph:
    """Collects nodes, constants, inputs and outputs; every method that adds one returns its name."""

    def __init__(self, name: str):
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, element: int, shape: Sequence[int | str]) -> str:
        """A graph input; words in `shape` are dynamic dimensions."""
        self.inputs.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def output(self, name: str, value: str, shape: Sequence[int | str], element: int = TensorProto.FLOAT) -> None:
        """Gives `value` out under `name`."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, element, shape))

    def constant(self, name: str, values: np.ndarray) -> str:
        """A named constant; the same name twice is the same constant."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def integers(self, *values: int) -> str:
        """A vector of int64, such as a shape or axes."""
        return self.constant("int64_" + "_".join(map(str, values)), np.array(values, np.int64))

    def integer(self, value: int) -> str:
        """A scalar int64."""
        return self.constant(f"int64_scalar_{value}", np.array(value, np.int64))

    def number(self, value: float) -> str:
        """A scalar float32."""
        return self.constant(f"float32_{value!r}", np.array(value, np.float32))

    def node(self, operator: str, *inputs: str, **attributes: object) -> str:
        """A node with one output."""
        output = f"{operator}_{len(self.nodes)}"
        self.node_with_outputs(operator, inputs, [output], **attributes)
        return output

    def node_with_outputs(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: object
    ) -> None:
        """A node with several outputs, of these names; the last one is the node's name too."""
        self.nodes.append(helper.make_node(operator, inputs, outputs, name=outputs[-1], **attributes))

    def sum(self, first: str, *others: str) -> str:
        """Elementwise sum, from the left."""
        for other in others:
            first = self.node("Add", first, other)
        return first

    def write(self, path: Path) -> None:
        """Checks the model and writes it into one file."""
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, list(self.constants.values()))
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="vedette")
        onnx.checker.check_model(model, full_check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString(deterministic=True))
