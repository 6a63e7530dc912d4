"""What the parity scripts share: pictures, prompts, random weights, ONNX export and its proof, and the fixture's files.

A script builds a tiny configuration of its family, gives it random weights of a seed, runs the reference on the shared
pictures and hands inputs, outputs and results to a `Fixture`. Seeds whose results could agree by luck are refused
(`Degenerate`) and the next one is tried.
"""

import collections
import itertools
import json
import math
import re
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import transformers
from PIL import Image
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "data" / "parity"
PICTURES = FIXTURES / "pictures"
PICTURE_NAMES = ("coffee", "chelsea", "astronaut")
# One short prompt; several of different length; upper case, punctuation and characters of one to four bytes, once
# composed and once as a letter with its accent.
PROMPTS = {
    "single": ["cat"],
    "several": [
        "a photo of a cat",
        "spoon",
        "an astronaut in an orange suit",
        "the white coffee cup on the wooden table",
    ],
    "unicode": ["Café ☕!", "naïve “猫”", "CAFE\u0301, it's 🚀-like?"],
}
# What every fixture folder has to stay under.
LARGEST_FIXTURE_BYTES = 1_200_000
OPSET = 17
# The largest difference between ONNX Runtime and torch on the same inputs; relative to numbers above 1.
EXPORT_TOLERANCE = 1e-4
# Two numbers that decide something (an order, a threshold, an argmax) differ by at least this much.
SCORE_GAP = 1e-4
LOGIT_GAP = 1e-2
# Where only the order of a whole list depends on it.
ORDER_GAP = 1e-5

transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
torch.set_grad_enabled(False)


class Degenerate(Exception):
    """The results of a seed could be met by luck: ties, one class only, boxes all alike."""


def picture(name):
    """A shared picture by its name without ending, RGB."""
    return Image.open(PICTURES / f"{name}.png").convert("RGB")


def first_sound(attempt, seeds=range(2000)):
    """The seed and the result of the first seed for which `attempt(seed)` is not `Degenerate`."""
    reasons = []
    for seed in seeds:
        try:
            return seed, attempt(seed)
        except Degenerate as reason:
            reasons.append(str(reason))
    counts = collections.Counter(re.sub(r"[0-9.]+", "N", reason) for reason in reasons)
    raise SystemExit(f"no seed of {len(reasons)} gives sound results: {dict(counts.most_common())}")


def randomize(model, seed, gain=1.0):
    """Gives every weight of the model a random value that keeps the activations' scale, then `eval()`.

    The initial weights of transformers are so small that all queries of a detector answer alike; these are not.
    """
    generator = torch.Generator().manual_seed(seed)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad and weight.ndim}
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            tensor.copy_(1 + 0.1 * noise.abs())
        elif name.endswith("running_mean"):
            tensor.copy_(0.1 * noise)
        elif name not in trained:
            continue
        elif tensor.ndim >= 2:
            tensor.copy_(noise * gain / math.sqrt(math.prod(tensor.shape[1:])))
        elif name.endswith(("weight", "scale")):
            tensor.copy_(1 + 0.1 * noise)
        else:
            tensor.copy_(0.1 * noise)
    return model.eval()


class Named(torch.nn.Module):
    """A model as a function of named tensors to a tuple of named outputs, as an exporter wants it."""

    def __init__(self, model, inputs, outputs, **options):
        super().__init__()
        self.model, self.inputs, self.outputs, self.options = model, list(inputs), list(outputs), options
        # Else an export would put the model back into training mode.
        self.eval()

    def forward(self, *tensors):
        out = self.model(**dict(zip(self.inputs, tensors, strict=True)), **self.options)
        return tuple(out[name] for name in self.outputs)

    def named(self, inputs):
        """The outputs by name for inputs by name."""
        return dict(zip(self.outputs, self(*(inputs[name] for name in self.inputs)), strict=True))


def export(named, inputs, path, dynamic):
    """Writes the ONNX file of a `Named` module with the TorchScript exporter.

    `dynamic` gives, by tensor name, the open axes: `{"input_ids": {0: "text_batch_size"}}`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            named,
            tuple(inputs[name] for name in named.inputs),
            path,
            input_names=named.inputs,
            output_names=named.outputs,
            dynamic_axes=dynamic,
            opset_version=OPSET,
            dynamo=False,
        )
    model = compact(onnx.load(path))
    onnx.save(model, path)
    onnx.checker.check_model(model, full_check=True)
    found = [value.name for value in model.graph.input]
    if found != named.inputs:
        raise SystemExit(f"{path.name} has the inputs {found}, {named.inputs} were to be exported")


def compact(model):
    """The same graph in less room: short names inside, every constant once; inputs and outputs keep their names."""
    graph = model.graph
    if any(attribute.type == onnx.AttributeProto.GRAPH for node in graph.node for attribute in node.attribute):
        raise SystemExit("the graph has graphs inside, whose names would have to follow")
    constants, nodes = {}, []
    names = {value.name: value.name for value in [*graph.input, *graph.output]} | {"": ""}
    short = map("v{}".format, itertools.count())
    for tensor in graph.initializer:
        names[tensor.name] = tensor.name = next(short)
    for index, node in enumerate(graph.node):
        # A constant of the graph's own output stays a node.
        if node.op_type == "Constant" and node.attribute[0].name == "value" and node.output[0] not in names:
            tensor = node.attribute[0].t
            tensor.name = ""
            key = tensor.SerializeToString(deterministic=True)
            if key not in constants:
                constants[key] = tensor.name = next(short)
                graph.initializer.append(tensor)
            names[node.output[0]] = constants[key]
            continue
        node.name, node.doc_string = f"{node.op_type}_{index}", ""
        for place, name in enumerate(node.input):
            node.input[place] = names[name]
        for place, name in enumerate(node.output):
            node.output[place] = names.setdefault(name, next(short))
        nodes.append(node)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    return model


def run_onnx(path, inputs):
    """The outputs of an ONNX file by name."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feeds = {value.name: array(inputs[value.name]) for value in session.get_inputs()}
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def prove(path, cases, named):
    """ONNX Runtime agrees with torch on every case's inputs; returns the largest difference."""
    largest = 0.0
    for inputs in cases:
        expected = named.named(inputs)
        for name, found in run_onnx(path, inputs).items():
            wanted = array(expected[name])
            if found.shape != wanted.shape:
                raise SystemExit(f"{path.name}: {name} has shape {found.shape}, torch has {wanted.shape}")
            # What is equal is away by nothing, infinities too.
            other = found != wanted
            found, wanted = found[other].astype(np.float64), wanted[other].astype(np.float64)
            away = np.abs(found - wanted) / np.maximum(1, np.abs(wanted))
            largest = max(largest, float(away.max(initial=0)))
    if not largest <= EXPORT_TOLERANCE:
        raise SystemExit(f"{path.name}: ONNX Runtime is {largest:g} away from torch, at most {EXPORT_TOLERANCE:g}")
    return largest


def array(value):
    """A NumPy array of a tensor or array."""
    return np.ascontiguousarray(value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value))


def pixels_u8(processor, images, **options):
    """The reference's own picture after resize, crop and pad and before rescale and normalization, [H, W, 3] u8."""
    pixels = array(
        processor(images, do_rescale=False, do_normalize=False, return_tensors="np", **options)["pixel_values"]
    )
    if not np.array_equal(pixels, pixels.round()) or pixels.min() < 0 or pixels.max() > 255:
        raise SystemExit("the processor's pixels are not whole numbers in 0..=255")
    return np.ascontiguousarray(np.moveaxis(pixels[0], 0, -1).astype(np.uint8))


def threshold_for(scores, keep, distinct=True):
    """A short threshold that keeps about `keep` of the scores, with no score near it and, if `distinct`, no two kept ones alike."""
    ordered = np.sort(array(scores).ravel())[::-1].astype(np.float64)
    counts = range(max(2, keep // 2), min(2 * keep, len(ordered) - 1) + 1)
    for count in sorted(counts, key=lambda count: abs(count - keep)):
        threshold = round(float(ordered[count - 1] + ordered[count]) / 2, 3)
        gap = min(ordered[count - 1] - threshold, threshold - ordered[count])
        alike = distinct and -np.diff(ordered[:count]).max() <= 2 * SCORE_GAP
        if gap > 2 * SCORE_GAP and not alike:
            return threshold
    raise Degenerate(f"scores too near to each other around the best {keep}")


def check_boxes(boxes, image):
    """Boxes [n, 4] in pixels differ in place and size, and all of them lie in the picture or reach into it."""
    boxes = array(boxes)
    inside = boxes.clip(0, [*image.size, *image.size])
    if (inside[:, 2:] - inside[:, :2] <= 1).any():
        raise Degenerate("a box without area in the picture")
    spread = min((boxes[:, 2:] - boxes[:, :2]).std(axis=0).min(), boxes.std(axis=0).min())
    if spread < 3:
        raise Degenerate(f"boxes too alike: spread of {spread:.2f} px")


def check_argmax(logits):
    """The best of every row of logits [n, k] leads the next one clearly."""
    best = np.sort(array(logits), axis=-1)
    if best.shape[-1] > 1 and (best[:, -1] - best[:, -2]).min() < LOGIT_GAP:
        raise Degenerate("the best two logits too near")


def check_order(scores, count):
    """The first `count` of the ordered scores have distinct places."""
    ordered = np.sort(array(scores).ravel().astype(np.float64))[::-1][: count + 1]
    if -np.diff(ordered).max() < ORDER_GAP:
        raise Degenerate(f"two of the best {count} scores too near to be ordered")


def check_pictures_matter(answers):
    """The graph answers differently for different pictures."""
    first, *others = [array(answer).astype(np.float64) for answer in answers]
    for other in others:
        if (first - other).std() < 0.05 * first.std():
            raise Degenerate("the picture does not matter")


def check_varied(labels, least=2):
    """Results name at least so many different labels."""
    if len(set(labels)) < least:
        raise Degenerate(f"only {len(set(labels))} different labels")


class Fixture:
    """One folder of `tests/data/parity/`: built in a folder of its own and put into place when whole."""

    def __init__(self, name, script, **about):
        self.name = name
        # Goes with the fixture, also when the script stops half way: nothing is left for anyone to clear away.
        self.staging = tempfile.TemporaryDirectory()
        self.folder = Path(self.staging.name)
        self.checkpoint = self.folder / "checkpoint"
        self.checkpoint.mkdir()
        self.tensors = {}
        self.reference = {
            "family": name,
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "script": f"models/parity/{script}",
            **about,
            "cases": [],
        }

    def tensor(self, key, value):
        """Stores a tensor under a key, once, and returns the key."""
        value = array(value)
        known = self.tensors.setdefault(key, value)
        if known.dtype != value.dtype or not np.array_equal(known, value):
            raise SystemExit(f"{self.name}: two different tensors are called {key}")
        return key

    def case(self, name, picture, tensors, **inline):
        """Adds a case; `tensors` gives, by role, the pair of key and value."""
        stored = {role: self.tensor(key, value) for role, (key, value) in tensors.items()}
        self.reference["cases"].append({"name": name, "picture": f"{picture}.png", **inline, "tensors": stored})

    def save_text(self, tokenizer, fast=None):
        """The tokenizer's files as the hub has them; `fast` is the one of `tokenizer.json` if another."""
        backend = fast or tokenizer.backend_tokenizer
        # What the last call asked for would be written too.
        backend.no_padding()
        backend.no_truncation()
        tokenizer.save_pretrained(self.checkpoint)
        backend.save(str(self.checkpoint / "tokenizer.json"))
        special = json.dumps(tokenizer.special_tokens_map, indent=2, ensure_ascii=False, sort_keys=True)
        (self.checkpoint / "special_tokens_map.json").write_text(special + "\n")

    def write(self):
        """Writes the reference and puts the folder into its place."""
        text = json.dumps(self.reference, indent=1, ensure_ascii=False, allow_nan=False)
        (self.folder / "reference.json").write_text(text + "\n")
        save_file(dict(sorted(self.tensors.items())), self.folder / "reference.safetensors")
        size = sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        if size > LARGEST_FIXTURE_BYTES:
            raise SystemExit(f"{self.name} has {size} bytes, at most {LARGEST_FIXTURE_BYTES}")
        place = FIXTURES / self.name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder, place, copy_function=shutil.copyfile)
        place.chmod(0o755)
        self.staging.cleanup()
        print(f"{self.name}: {len(self.reference['cases'])} cases, {len(self.tensors)} tensors, {size} bytes")
