#!/usr/bin/env python3
"""Writes the small ONNX models of the integration tests into this folder.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install onnx==1.23.2 numpy && /tmp/venv/bin/python generate.py

Each is below 2 KB (one for the benchmark below 16) and has no trained weights. The detectors answer from the colour of the picture: the score of class
c at anchor a is the mean of channel c (R, G, B) times a constant of the anchor. So a red picture is "red".
"""

import pathlib

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

HERE = pathlib.Path(__file__).parent
NAMES = "{0: 'red', 1: 'green', 2: 'traffic light'}"

# Six anchors on a 64x64 input: centre and size in pixels. The first two overlap, as do the last two.
BOXES = np.array(
    [[16, 16, 20, 20], [17, 16, 20, 20], [48, 16, 10, 24], [16, 48, 8, 8], [48, 48, 24, 24], [48, 49, 24, 24]],
    np.float32,
)
WEIGHTS = np.array([1.0, 0.9, 0.8, 0.2, 0.7, 0.6], np.float32)
TYPES = {np.float32: TensorProto.FLOAT, np.float16: TensorProto.FLOAT16}


OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]


def write(name, nodes, inputs, outputs, constants, metadata=None, data_file=None, limit=2048):
    """`data_file` is a file of its own for the constants."""
    initializers = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers)
    opsets = OPSETS if any(node.domain for node in nodes) else OPSETS[:1]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    checker.check_model(model, full_check=True)
    path = HERE / f"{name}.onnx"
    if data_file:
        (HERE / data_file).unlink(missing_ok=True)
        save(model, path, save_as_external_data=True, location=data_file, size_threshold=0)
    else:
        save(model, path)
    size = path.stat().st_size
    assert size < limit, f"{path.name} has {size} bytes"
    print(f"{path.name}: {size} bytes")


def images(dtype, shape=(1, 3, 64, 64)):
    return helper.make_tensor_value_info("images", TYPES[dtype], shape)


def rows(name, dtype=np.float32, shape=(1, 3, 64, 64)):
    """[1, 4 + 3, 6], as Ultralytics exports v8, v9, 11 and 12: centre, size, class scores; no NMS."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["means"]),
        helper.make_node("Reshape", ["means", "column"], ["classes"]),
        helper.make_node("Mul", ["classes", "weights"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1),
    ]
    constants = {
        "column": np.array([1, 3, 1], np.int64),
        "weights": WEIGHTS.reshape(1, 1, 6).astype(dtype),
        "boxes": BOXES.T.reshape(1, 4, 6).astype(dtype),
    }
    # An open input leaves the output open too, as an export with dynamic axes does.
    anchors = 6 if shape[2] == 64 else "anchors"
    output = helper.make_tensor_value_info("output0", TYPES[dtype], [1, 7, anchors])
    write(name, nodes, [images(dtype, shape)], [output], constants, {"names": NAMES, "task": "detect", "end2end": "False"})


def end_to_end(name, dtype=np.float32):
    """[1, 6, 6] as v10 and 26: corners, score, class; the score of every row is the mean of all channels times its
    constant, the rows' classes are 0 1 2 0 1 2."""
    half = BOXES[:, 2:] / 2
    corners = np.concatenate([BOXES[:, :2] - half, BOXES[:, :2] + half], axis=1)
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "weights"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores", "classes"], ["output0"], axis=2),
    ]
    constants = {
        "weights": WEIGHTS.reshape(1, 6, 1).astype(dtype),
        "boxes": corners.reshape(1, 6, 4).astype(dtype),
        "classes": np.array([0, 1, 2, 0, 1, 2], dtype).reshape(1, 6, 1),
    }
    output = helper.make_tensor_value_info("output0", TYPES[dtype], [1, 6, 6])
    write(name, nodes, [images(dtype)], [output], constants, {"names": NAMES, "task": "detect", "end2end": "True"})


def transposed():
    """[1, 9, 9]: objectness, three classes, and one number that no layout has."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "table"], ["output0"]),
    ]
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 9, 9])
    write("strange_columns", nodes, [images(np.float32)], [output], {"table": np.ones((1, 9, 9), np.float32)}, {"names": NAMES})


def two_inputs():
    """Two inputs and two outputs of different types: sum [2] float32 and doubled [2] int64."""
    nodes = [
        helper.make_node("Cast", ["count"], ["count_f32"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["value", "count_f32"], ["sum"]),
        helper.make_node("Add", ["count", "count"], ["doubled"]),
    ]
    inputs = [
        helper.make_tensor_value_info("value", TensorProto.FLOAT, ["n"]),
        helper.make_tensor_value_info("count", TensorProto.INT64, ["n"]),
    ]
    outputs = [
        helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["n"]),
        helper.make_tensor_value_info("doubled", TensorProto.INT64, ["n"]),
    ]
    write("two_inputs", nodes, inputs, outputs, {})


def mostly_on_the_cpu():
    """`value * 3`, then tangent and arctangent in turn: the CUDA provider has the product and neither of the others, so
    that a GPU reads the input and the CPU holds most nodes."""
    nodes = [helper.make_node("Mul", ["value", "three"], ["value_0"])]
    for step in range(12):
        nodes.append(helper.make_node("Atan" if step % 2 == 0 else "Tan", [f"value_{step}"], [f"value_{step + 1}"]))
    value, out = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("value", "value_12"))
    write("mostly_on_the_cpu", nodes, [value], [out], {"three": np.array([3], np.float32)})


def byte_input():
    """A uint8 input, as some detection hubs export it."""
    nodes = [helper.make_node("Cast", ["images"], ["output0"], to=TensorProto.FLOAT)]
    inputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, [1, 4])]
    outputs = [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 4])]
    write("byte_input", nodes, inputs, outputs, {})


def growing_output():
    """The output's length depends on the values of the input: the number of those that are not zero."""
    nodes = [helper.make_node("NonZero", ["value"], ["places"])]
    inputs = [helper.make_tensor_value_info("value", TensorProto.FLOAT, [4])]
    outputs = [helper.make_tensor_value_info("places", TensorProto.INT64, [1, "found"])]
    write("growing_output", nodes, inputs, outputs, {})


def flags():
    """Flags in and out, and two outputs of types that nobody reads here."""
    nodes = [
        helper.make_node("Where", ["mask", "value", "zero"], ["kept"]),
        helper.make_node("Not", ["mask"], ["masked_out"]),
        helper.make_node("Cast", ["mask"], ["ones"], to=TensorProto.INT32),
        helper.make_node("ReduceSum", ["ones"], ["count"], keepdims=0),
        helper.make_node("Cast", ["value"], ["bytes"], to=TensorProto.UINT8),
    ]
    info = helper.make_tensor_value_info
    inputs = [info("mask", TensorProto.BOOL, ["n"]), info("value", TensorProto.FLOAT, ["n"])]
    outputs = [
        info("count", TensorProto.INT32, []),
        info("kept", TensorProto.FLOAT, ["n"]),
        info("bytes", TensorProto.UINT8, ["n"]),
        info("masked_out", TensorProto.BOOL, ["n"]),
    ]
    write("flags", nodes, inputs, outputs, {"zero": np.zeros(1, np.float32)})


def integer_input():
    """An int32 input, as some decoders are exported."""
    nodes = [helper.make_node("Cast", ["input_ids"], ["output0"], to=TensorProto.FLOAT)]
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT32, [1, 4])]
    outputs = [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 4])]
    write("integer_input", nodes, inputs, outputs, {})


def integer_output():
    """Nothing but an int32 output."""
    nodes = [helper.make_node("Cast", ["value"], ["labels"], to=TensorProto.INT32)]
    inputs = [helper.make_tensor_value_info("value", TensorProto.FLOAT, [1, 4])]
    outputs = [helper.make_tensor_value_info("labels", TensorProto.INT32, [1, 4])]
    write("integer_output", nodes, inputs, outputs, {})


def doubles():
    """An input, and nothing but an output, of a type that is not passed."""
    info = helper.make_tensor_value_info
    images, output = info("images", TensorProto.DOUBLE, [1, 4]), info("output0", TensorProto.FLOAT, [1, 4])
    write("double_input", [helper.make_node("Cast", ["images"], ["output0"], to=TensorProto.FLOAT)], [images], [output], {})
    value, labels = info("value", TensorProto.FLOAT, [1, 4]), info("labels", TensorProto.DOUBLE, [1, 4])
    write("double_output", [helper.make_node("Cast", ["value"], ["labels"], to=TensorProto.DOUBLE)], [value], [labels], {})


def external_weights():
    """Weights in a file beside the graph, as exports above 2 GB have them: value [1, 4] plus 1, 2, 3, 4."""
    nodes = [helper.make_node("Add", ["value", "weights"], ["sum"])]
    inputs = [helper.make_tensor_value_info("value", TensorProto.FLOAT, [1, 4])]
    outputs = [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1, 4])]
    weights = np.array([[1, 2, 3, 4]], np.float32)
    write("external_weights", nodes, inputs, outputs, {"weights": weights}, data_file="external_weights.onnx_data")


def halving_cache():
    """A cache whose output has another type than its input."""
    nodes = [
        helper.make_node("Cast", ["past"], ["present"], to=TensorProto.FLOAT16),
        helper.make_node("Transpose", ["past"], ["turned"], perm=[1, 0]),
        helper.make_node("Add", ["past", "past"], ["doubled"]),
    ]
    info = helper.make_tensor_value_info
    inputs = [info("past", TensorProto.FLOAT, ["n", 2])]
    outputs = [
        info("present", TensorProto.FLOAT16, ["n", 2]),
        info("turned", TensorProto.FLOAT, [2, "n"]),
        info("doubled", TensorProto.FLOAT, ["n", 2]),
    ]
    write("halving_cache", nodes, inputs, outputs, {})


def grouped_query_cache():
    """A decoder's layer with com.microsoft.GroupQueryAttention: two heads of queries, one of keys and values, head
    size 8. Lengths come from the mask, as Optimum and transformers.js export them. The cache may grow by `present`, or
    be as long as will be needed from the start and shared."""
    nodes = [
        helper.make_node("Split", ["embeds"], ["key", "value"], axis=-1),
        helper.make_node("ReduceSum", ["attention_mask", "axis"], ["length"], keepdims=0),
        helper.make_node("Sub", ["length", "one"], ["last"]),
        helper.make_node("Cast", ["last"], ["seqlens_k"], to=TensorProto.INT32),
        helper.make_node("Shape", ["attention_mask"], ["mask_shape"]),
        helper.make_node("Gather", ["mask_shape", "scalar_one"], ["total"]),
        helper.make_node("Cast", ["total"], ["total_sequence_length"], to=TensorProto.INT32),
        helper.make_node(
            "GroupQueryAttention",
            ["embeds", "key", "value", "past_key_values.0.key", "past_key_values.0.value", "seqlens_k",
             "total_sequence_length"],
            ["logits", "present.0.key", "present.0.value"],
            domain="com.microsoft",
            num_heads=2,
            kv_num_heads=1,
        ),
    ]
    info = helper.make_tensor_value_info
    cache = lambda name, length: info(name, TensorProto.FLOAT, [1, 1, length, 8])
    inputs = [
        info("embeds", TensorProto.FLOAT, [1, "seq", 16]),
        info("attention_mask", TensorProto.INT64, [1, "total"]),
        cache("past_key_values.0.key", "past"),
        cache("past_key_values.0.value", "past"),
    ]
    outputs = [info("logits", TensorProto.FLOAT, [1, "seq", 16])]
    outputs += [cache("present.0.key", "present"), cache("present.0.value", "present")]
    one = np.array([1], np.int64)
    constants = {"axis": one, "one": one, "scalar_one": np.array(1, np.int64)}
    write("grouped_query_cache", nodes, inputs, outputs, constants)


def many_caches():
    """As many caches as a decoder of 30 layers has, each extended by the embeddings: what a step costs beside its
    arithmetic. For the benchmark."""
    info = lambda name, length: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, length, 8])
    nodes, inputs = [helper.make_node("Neg", ["embeds"], ["logits"])], [info("embeds", "seq")]
    outputs = [info("logits", "seq")]
    for layer in range(30):
        for part in ("key", "value"):
            past, present = f"past_key_values.{layer}.{part}", f"present.{layer}.{part}"
            nodes.append(helper.make_node("Concat", [past, "embeds"], [present], axis=2))
            inputs.append(info(past, "past"))
            outputs.append(info(present, "total"))
    write("many_caches", nodes, inputs, outputs, {}, limit=16384)


def growing_cache():
    """A decoder's layer with its cache: the new keys and values are the embeddings themselves, each position looks at
    all of the cache, and the answer is what it finds at the last position."""
    nodes = [
        helper.make_node("Concat", ["past_key_values.0.key", "embeds"], ["present.0.key"], axis=1),
        helper.make_node("Neg", ["embeds"], ["negated"]),
        helper.make_node("Concat", ["past_key_values.0.value", "negated"], ["present.0.value"], axis=1),
        helper.make_node("Transpose", ["present.0.key"], ["columns"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["embeds", "columns"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["weights"], axis=-1),
        helper.make_node("MatMul", ["weights", "present.0.value"], ["logits"]),
    ]
    floats = lambda name, length: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, length, 4])
    inputs = [floats("embeds", "seq"), floats("past_key_values.0.key", "past"), floats("past_key_values.0.value", "past")]
    outputs = [floats("logits", "seq"), floats("present.0.key", "total"), floats("present.0.value", "total")]
    write("growing_cache", nodes, inputs, outputs, {})


def doubling(name, factor, limit):
    """y = factor * x. A run fails (an index that a table does not have) as soon as a value is above `limit`: what a
    provider does that fails at a certain frame, or with a limit below 0 at every one."""
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["highest"], axes=[0, 1], keepdims=0),
        helper.make_node("Greater", ["highest", "limit"], ["is_above"]),
        helper.make_node("Cast", ["is_above"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["nothing"]),
        helper.make_node("Mul", ["x", "factor"], ["product"]),
        helper.make_node("Add", ["product", "nothing"], ["y"]),
    ]
    floats = lambda key: helper.make_tensor_value_info(key, TensorProto.FLOAT, ["rows", 2])
    constants = {"limit": np.array(limit, np.float32), "factor": np.array(factor, np.float32), "table": np.zeros(1, np.float32)}
    write(name, nodes, [floats("x")], [floats("y")], constants)


def compiled_for_a_gpu():
    """A YOLO-like detector as ONNX Runtime's TensorRT provider writes it with `ep.context_enable`: one node that holds an
    engine (not this one)."""
    context = helper.make_node(
        "EPContext", ["images"], ["output0"], domain="com.microsoft",
        main_context=1, embed_mode=1, ep_cache_context=b"no engine", source="TensorrtExecutionProvider",
    )  # fmt: skip
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, (1, 7, 6))
    write("compiled_for_a_gpu", [context], [images(np.float32)], [output], {}, {"names": NAMES})


rows("yolo_rows")
rows("yolo_rows_f16", np.float16)
rows("yolo_rows_open", shape=("batch", 3, "height", "width"))
end_to_end("yolo_end_to_end")
end_to_end("yolo_end_to_end_f16", np.float16)
transposed()
two_inputs()
mostly_on_the_cpu()
byte_input()
growing_output()
growing_cache()
flags()
integer_input()
integer_output()
doubles()
external_weights()
halving_cache()
grouped_query_cache()
many_caches()
doubling("doubling", 2.0, np.inf)
doubling("doubling_to_100", 2.0, 100.0)
doubling("doubling_never", 2.0, -1.0)
doubling("doubling_inexactly", 2.2, np.inf)
compiled_for_a_gpu()
