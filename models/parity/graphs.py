"""Changes to exported ONNX files: short names, and the two decoders of an encoder-decoder model in one graph."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SWITCH = "use_cache_branch"


def shorten(path):
    """Gives all values inside of the graph short names: the exporter's are longer than what they name is large."""
    model = onnx.load(path)
    kept = {value.name for value in (*model.graph.input, *model.graph.output)} | {""}
    short = {name: name for name in kept}
    for node in model.graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        for names in (node.input, node.output):
            names[:] = [short.setdefault(name, f"v{len(short)}") for name in names]
    for tensor in model.graph.initializer:
        tensor.name = short[tensor.name]
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def merge_decoders(first, later, path):
    """Writes one graph of two ONNX files with the same output names, as Optimum's merged decoders are laid out: an `If`
    on `use_cache_branch` bool [1], `first` in its else branch, `later` in its then branch.

    Outputs that only the first step has come out of the later ones empty: [0, heads, 1, head size].
    """
    first, later = onnx.load(first), onnx.load(later)
    shared = {}
    branches = [share_weights(model.graph, shared) for model in (first, later)]
    outputs = list(first.graph.output)
    add_empty_outputs(branches[1], outputs)
    inputs = {value.name: value for model in (first, later) for value in model.graph.input}
    switch = helper.make_tensor_value_info(SWITCH, TensorProto.BOOL, [1])
    names = [value.name for value in outputs]
    node = helper.make_node("If", [SWITCH], names, name="use_cache", else_branch=branches[0], then_branch=branches[1])
    graph = helper.make_graph([node], "merged", [*inputs.values(), switch], outputs, list(shared.values()))
    model = helper.make_model(graph, opset_imports=first.opset_import, ir_version=first.ir_version)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def share_weights(graph, shared):
    """The graph as a branch: its weights go to `shared`, one for each content, its scalars and shapes stay."""
    renamed, kept = {}, []
    for tensor in graph.initializer:
        if not tensor.dims or tensor.data_type == TensorProto.INT64:
            kept.append(tensor)
            continue
        values = numpy_helper.to_array(tensor)
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in shared:
            shared[key] = numpy_helper.from_array(values, f"weight_{len(shared)}")
        renamed[tensor.name] = shared[key].name
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    return helper.make_graph(graph.node, graph.name, [], graph.output, kept)


def add_empty_outputs(branch, outputs):
    """Gives the branch all `outputs`, in order, those that it lacks without values."""
    known = {value.name for value in branch.output}
    for value in outputs:
        if value.name not in known:
            _, heads, _, size = value.type.tensor_type.shape.dim
            empty = numpy_helper.from_array(np.zeros((0, heads.dim_value, 1, size.dim_value), np.float32))
            branch.node.append(helper.make_node("Constant", [], [value.name], value=empty))
    del branch.output[:]
    branch.output.extend(outputs)
