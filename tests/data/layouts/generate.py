#!/usr/bin/env python3
"""Writes small ONNX files in the layouts that exporters write, for tests/it/layouts.rs.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install onnx==1.23.2 numpy && /tmp/venv/bin/python generate.py

Constant outputs with one box, whose score is 0.9 only where the picture went in as the layout has it: the score is 0.9
times the largest value of the first channel, divided by what a bright picture gives there. So another range, another
order of channels or another place of the channels shows. The box is [16, 20, 32, 40] of a tensor of 64 x 64 pixels, and
[16, 4, 32, 24] where pictures go into the corner or the tensor is 32 pixels high.
"""

import pathlib

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

HERE = pathlib.Path(__file__).parent
FLOAT, HALF, BYTE, INT32, INT64 = (
    TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64)
TWO = "{0: 'person', 1: 'car'}"
CENTER, CORNERS, LOW = [24, 30, 16, 20], [16, 20, 32, 40], [16, 4, 32, 24]
UNIT = [24 / 64, 30 / 64, 16 / 64, 20 / 64]
SCORE = 0.9
# A bright red picture's first channel, prepared with mean and deviation of ImageNet.
IMAGENET = (1 - 0.485) / 0.229
NCHW = ("images", FLOAT, [1, 3, 64, 64])


class Output:
    """Zeros but for some numbers; those named `lit` are multiplied by the picture's brightness."""

    def __init__(self, shape, numbers, lit=(), kind=FLOAT):
        self.base = np.zeros(shape, np.float32)
        self.lit = np.zeros(shape, np.float32)
        self.kind = kind
        for place, value in numbers.items():
            (self.lit if place in lit else self.base)[place] = value


def column(boxes, width, numbers, at=0, kind=FLOAT):
    """[1, boxes, width]: `numbers` of one box; of a pair, the second says that it is lit."""
    return Output((1, boxes, width), *places(numbers, lambda place: (0, at, place)), kind=kind)


def row(width, boxes, numbers, at=0, kind=FLOAT):
    """[1, width, boxes]."""
    return Output((1, width, boxes), *places(numbers, lambda place: (0, place, at)), kind=kind)


def places(numbers, index):
    plain = {index(i): n[0] if isinstance(n, tuple) else n for i, n in enumerate(numbers)}
    return plain, {index(i) for i, n in enumerate(numbers) if isinstance(n, tuple)}


LIT = (SCORE,)


def model(name, outputs, image=NCHW, top=1.0, more=(), multiply=None, **metadata):
    """`outputs` by name; `top` is what a bright picture's first channel is; `multiply` names an input by whose least
    value all floats are multiplied."""
    names = TWO if "names" not in metadata else metadata.pop("names")
    axis = 3 if image[2][3] == 3 else 1
    nodes = [
        helper.make_node("Cast", [image[0]], ["floats"], to=FLOAT),
        helper.make_node("Gather", ["floats", "first"], ["channel"], axis=axis),
        helper.make_node("ReduceMax", ["channel"], ["brightest"], keepdims=0),
        helper.make_node("Mul", ["brightest", "per_top"], ["light"]),
    ]
    constants = {"first": np.array(0, np.int64), "per_top": np.array(1 / top, np.float32)}
    if multiply:
        nodes += [
            helper.make_node("Cast", [multiply], ["multiplier_floats"], to=FLOAT),
            helper.make_node("ReduceMin", ["multiplier_floats"], ["factor"], keepdims=0),
        ]
    infos = []
    for key, output in outputs.items():
        constants |= {f"{key}_base": output.base, f"{key}_lit": output.lit}
        nodes += [
            helper.make_node("Mul", [f"{key}_lit", "light"], [f"{key}_now"]),
            helper.make_node("Add", [f"{key}_base", f"{key}_now"], [f"{key}_sum"]),
        ]
        total = f"{key}_sum"
        if multiply and output.kind in (FLOAT, HALF) and key == next(iter(outputs)):
            nodes.append(helper.make_node("Mul", [total, "factor"], [f"{key}_product"]))
            total = f"{key}_product"
        nodes.append(helper.make_node("Cast", [total], [key], to=output.kind))
        infos.append(helper.make_tensor_value_info(key, output.kind, output.base.shape))
    inputs = [helper.make_tensor_value_info(*one) for one in (image, *more)]
    weights = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, name, inputs, infos, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    for key, value in {**({"names": names} if names else {}), **metadata}.items():
        made.metadata_props.add(key=key, value=value)
    checker.check_model(made, full_check=True)
    path = HERE / f"{name}.onnx"
    save(made, path)
    assert path.stat().st_size < 32768, f"{path.name} has {path.stat().st_size} bytes"


def yolo():
    rows = [*CENTER, 0, LIT]
    model("rows", {"output0": row(6, 84, rows)}, task="detect", stride="32", end2end="False")
    model("rows_half", {"output0": row(6, 84, rows, kind=HALF)}, ("images", HALF, [1, 3, 64, 64]), task="detect")
    model("rows_open", {"output0": row(6, 84, rows)}, ("images", FLOAT, ["batch", 3, "height", "width"]),
          task="detect", imgsz="[64, 64]")
    low = [24, 14, 16, 20, 0, LIT]
    model("rows_wide", {"output0": row(6, 42, low)}, ("images", FLOAT, [1, 3, 32, 64]), task="detect")
    model("rows_bytes", {"output0": row(6, 84, rows)}, ("images", BYTE, [1, 3, 64, 64]), 255)
    model("rows_channels_last", {"output0": row(6, 84, rows)}, ("images", FLOAT, [1, 64, 64, 3]))
    model("rows_bytes_channels_last", {"output0": row(6, 84, rows)}, ("images", BYTE, [1, 64, 64, 3]), 255)
    model("rows_with_scale_factor", {"output0": row(6, 84, rows)}, more=[("scale_factor", FLOAT, [1, 2])],
          multiply="scale_factor")
    model("rows_of_logits", {"output0": row(6, 84, [*CENTER, -4.0, 7.0])}, task="detect")
    model("rows_normalized", {"output0": row(6, 84, [*UNIT, 0, LIT])}, task="detect")
    model("columns", {"output0": column(84, 6, rows)})
    objectness = [*CENTER, LIT, 0, 1.0]
    model("objectness", {"output": column(252, 7, objectness)}, stride="32")
    model("objectness_rows", {"output": row(7, 252, objectness)}, stride="32")
    model("objectness_one_class", {"output0": column(252, 6, [*CENTER, LIT, 1.0])}, names="{0: 'box'}")
    model("objectness_v6", {"outputs": column(84, 7, objectness)}, names=None)
    # Cell 11 is the fourth of the second row: its corner is at 24, 8.
    grid = [0, 0.75, np.log(2), np.log(2.5), LIT, 0, 1.0]
    model("yolox", {"output": column(84, 7, grid, at=11)}, top=255, names=None)
    model("yolox_decoded", {"output": column(84, 7, [24, 14, 16, 20, LIT, 0, 1.0], at=11)}, top=255, names=None)
    finished = [*CORNERS, LIT, 1]
    model("end_to_end", {"output0": column(20, 6, finished)})
    model("end_to_end_one_class", {"output0": column(20, 6, [*CORNERS, LIT, 0])}, names="{0: 'box'}", task="detect")
    model("end_to_end_half_class", {"output0": column(20, 6, [*CORNERS, LIT, 0.4])})
    model("end_to_end_segment",
          {"output0": column(20, 10, [*finished, 1, 2, 3, 4]), "output1": Output((1, 4, 16, 16), {})}, task="segment",
          end2end="True")
    upright = [24, 30, 20, 16]
    quarter = np.pi / 2
    model("end_to_end_oriented", {"output0": column(20, 7, [*upright, LIT, 1, quarter])}, task="obb", end2end="True")
    model("oriented", {"output0": row(7, 84, [*upright, 0, LIT, quarter])}, task="obb")
    model("segment", {"output0": row(10, 84, [*rows, 1, 2, 3, 4]), "output1": Output((1, 4, 16, 16), {})}, task="segment")
    model("pose", {"output0": row(11, 84, [*CENTER, LIT, 1, 2, 3, 4, 5, 6])}, names="{0: 'person'}", task="pose",
          kpt_shape="[2, 3]")
    model("rtdetr_six_columns", {"output0": column(20, 6, [*UNIT, LIT, 1])}, names="{0: 'person', 1: 'car', 2: 'bus'}",
          head="RTDETRDecoder")
    model("rtdetr_columns", {"output0": column(20, 7, [*UNIT, 0, LIT, 0])}, names="{0: 'person', 1: 'car', 2: 'bus'}",
          description="Ultralytics rtdetr-l model")
    model("rtdetr_two_classes", {"output0": column(20, 6, [*UNIT, LIT, 1])}, description="Ultralytics rtdetr-l model")
    model("normalized_without_a_word", {"output0": column(20, 6, [*UNIT, LIT, 1])}, names="{0: 'person', 1: 'car', 2: 'bus'}")
    model("heads", {f"output{i}": Output((1, 3, side, side, 7), {}) for i, side in enumerate((8, 4, 2))})
    boxes = column(100, 4, CORNERS)
    scores = Output((1, 100), {(0, 0): SCORE, (0, 1): 0.8}, [(0, 0)])
    model("num_dets", {"num_dets": Output((1, 1), {(0, 0): 1}, kind=INT32), "det_boxes": boxes, "det_scores": scores,
                       "det_classes": Output((1, 100), {(0, 0): 1}, kind=INT32)})
    model("num_predictions", {"graph2_num_predictions": Output((1, 1), {(0, 0): 1}, kind=INT64), "graph2_pred_boxes": boxes,
                              "graph2_pred_scores": scores, "graph2_pred_classes": Output((1, 100), {(0, 0): 1}, kind=INT64)})
    model("batch_class_score", {"output": Output((1, 7), *places([0, *CORNERS, 1, LIT], lambda i: (0, i)))})
    flat = Output((1, 7), *places([0, *CORNERS, LIT, 1], lambda i: (0, i)))
    model("batch_score_class", {"graph2_flat_predictions": flat})
    model("batch_score_class_without_a_word", {"output": flat})
    # The second is what was there before: only the first is a box.
    two = Output((1, 2, 4), {(0, 0, place): side for place, side in enumerate(CORNERS)})
    two.base[0, 1] = LOW
    model("num_dets_mmyolo", {"num_dets": Output((1, 1), {(0, 0): 1}, kind=INT64), "boxes": two,
                              "scores": Output((1, 2), {(0, 0): SCORE, (0, 1): 0.8}, [(0, 0)]),
                              "labels": Output((1, 2), {(0, 0): 1}, kind=INT32)}, names=None)
    counted = {"det_boxes": boxes, "det_scores": scores, "det_classes": Output((1, 100), {(0, 0): 1}, kind=INT32)}
    model("num_dets_beyond_room", {"num_dets": Output((1, 1), {(0, 0): 101}, kind=INT32), **counted})
    model("num_dets_normalized", {"num_dets": Output((1, 1), {(0, 0): 1}, kind=INT32), **counted,
                                  "det_boxes": column(100, 4, [side / 64 for side in CORNERS])})
    padded = column(20, 6, finished)
    padded.base[0, 1:] = -1
    model("end_to_end_padded", {"output0": padded})
    nothing = Output((1, 20, 6), {})
    nothing.base[:] = -1
    model("end_to_end_nothing", {"output0": nothing})
    model("objectness_three_a_cell", {"output0": column(252, 7, objectness)}, names=None)
    model("batch_in_front", {"output0": Output((1, 100, 7), *places([0, *CORNERS, 1, LIT], lambda i: (0, 0, i)))})
    # 160 x 128 pixels have 300 boxes with three for each cell of 16 and 32; and 300 is a usual list.
    model("list_or_grid", {"output0": column(300, 6, [*CORNERS, LIT, 0])}, ("images", FLOAT, [1, 3, 128, 160]),
          names="{0: 'box'}")
    for task, key in (("classify", "classifier"), ("", "classifier_of_seven")):
        seven = ", ".join(f"{i}: 'kind {i}'" for i in range(7))
        model(key, {"output0": Output((1, 7), {(0, 3): SCORE}, [(0, 3)])}, names=f"{{{seven}}}",
              **({"task": task} if task else {}))
    model("classifier_without_a_word", {"logits": Output((1, 10), {(0, 3): SCORE}, [(0, 3)])}, names=None)
    model("depth", {"predicted_depth": Output((1, 32, 32), {})}, ("images", FLOAT, [1, 3, 32, 32]), names=None)
    heads = {"output0": row(6, 84, rows), "p3": Output((1, 10, 8, 8), {})}
    model("rows_with_heads", heads)
    model("segment_without_a_word", {"output0": row(10, 84, [*rows, 1, 2, 3, 4]), "output1": Output((1, 4, 16, 16), {})})
    model("rows_trained_in_rtdetr", {"output0": row(6, 84, rows)}, task="detect",
          description="Ultralytics YOLO11n model trained on /data/rtdetr/ds.yaml")
    model("rows_open_width", {"output0": row(6, 84, rows)}, ("images", FLOAT, [1, 3, 64, "width"]), task="detect")
    model("selected_indices", {"selected_indices": Output((1, 3), {}, kind=INT64), "boxes": column(84, 4, CORNERS)})
    model("dets_and_labels", {"dets": column(20, 5, [*LOW, LIT]), "labels": Output((1, 20), {(0, 0): 1}, kind=INT64)},
          ("input", FLOAT, [1, 3, 64, 64]), IMAGENET, names=None)


def detr():
    sizes = ("orig_target_sizes", INT64, [1, 2])
    # Boxes come in pixels of the image: here, [16, 20, 32, 40] times the lesser side of it, by 64.
    decoded = {"boxes": column(20, 4, [side / 64 for side in CORNERS]),
               "labels": Output((1, 20), {(0, 0): 1}, kind=INT64), "scores": Output((1, 20), {(0, 0): SCORE}, [(0, 0)])}
    model("decoded", decoded, more=[sizes], multiply="orig_target_sizes", names=None)
    model("decoded_named", decoded, more=[sizes], multiply="orig_target_sizes")
    decoded["labels"] = Output((1, 20), {(0, 0): 1}, kind=INT32)
    model("decoded_int32", decoded, more=[sizes], multiply="orig_target_sizes", names=None)
    model("decoded_without_size", {**decoded, "boxes": column(20, 4, CORNERS)}, names=None)
    # The logit of 0.9; all others are far below.
    lit = (np.log(9),)

    def logits(slots, slot):
        made = column(20, slots, [lit if place == slot else -9 for place in range(slots)])
        made.base[0, 1:] = -9
        return made

    pixel_values = ("pixel_values", FLOAT, [1, 3, 64, 64])
    boxes = column(20, 4, UNIT)
    model("logits", {"logits": logits(2, 1), "pred_boxes": boxes}, pixel_values, names=None)
    model("logits_raw", {"pred_logits": logits(2, 1), "pred_boxes": boxes}, ("inputs", FLOAT, [1, 3, 64, 64]), IMAGENET,
          names=None)
    rf = ("input", FLOAT, [1, 3, 64, 64])
    model("rf_detr_91", {"dets": boxes, "labels": logits(91, 3)}, rf, IMAGENET, names=None)
    eighty = ", ".join(f"{i}: 'thing {i}'" for i in range(80))
    model("rf_detr_91_named", {"dets": boxes, "labels": logits(91, 3)}, rf, IMAGENET, names=f"{{{eighty}}}")
    model("rf_detr_two_of_three", {"dets": boxes, "labels": logits(3, 1), "masks": Output((1, 20, 4, 4), {})}, rf, IMAGENET,
          names=None)
    # With softmax, 0.9 beside two classes of e^-9 each.
    softmax = column(20, 3, [-9, (np.log(9),), 0])
    softmax.base[0, 1:, 2] = 9
    model("softmax", {"logits": softmax, "pred_boxes": boxes}, pixel_values, more=[("pixel_mask", INT64, [1, 64, 64])],
          names=None)
    model("probabilities", {"logits": column(20, 2, [0, LIT]), "pred_boxes": boxes}, pixel_values, names=None)
    paddle = [("im_shape", FLOAT, [1, 2]), ("scale_factor", FLOAT, [1, 2])]
    rows = Output((3, 6), *places([1, LIT, *CORNERS], lambda i: (0, i)))
    rows.base[1:, 0] = -1
    model("paddle", {"reshape2_95.tmp_0": rows, "tile_3.tmp_0": Output((1,), {(0,): 1}, kind=INT32)},
          ("image", FLOAT, [1, 3, 64, 64]), more=paddle, multiply="scale_factor", names=None)

    # The number of boxes counts: behind it is what was there before.
    rows.base[1] = [1, 0.8, *LOW]
    model("paddle_counted", {"rows": rows, "count": Output((1,), {(0,): 1}, kind=INT32)}, ("image", FLOAT, [1, 3, 64, 64]),
          more=paddle, multiply="scale_factor", names=None)
    nothing = Output((1, 6), {})
    nothing.base[:] = -1
    model("paddle_nothing", {"rows": nothing, "count": Output((1,), {}, kind=INT32)}, ("image", FLOAT, [1, 3, 64, 64]),
          more=paddle, names=None)


yolo()
detr()
