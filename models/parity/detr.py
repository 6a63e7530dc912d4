"""Parity fixtures of the closed-set DETR family.

- `rtdetr`, `rtdetr_v2`, `dfine`: transformers' export, `pixel_values` to `logits` [1, N, 80] and `pred_boxes`
  [1, N, 4], center and size, 0..=1.
- `rtdetr_v2_boxes`: the form that the authors' repositories export (RT-DETR, D-FINE), with the post-processing inside:
  `images` and `orig_target_sizes` [1, 2] (width, height) to `labels`, `boxes` (xyxy in pixels) and `scores`.
- `rfdetr`: RF-DETR's own export, `input` to `dets` [1, N, 4] and `labels` [1, N, 91] logits over COCO's sparse ids.
  The model is transformers' port and the names are those of the `rfdetr` package. So is the preprocessing, which is
  torchvision's: to 0..=1, normalize, bilinear resize with anti-aliasing (transformers' processor resizes without).
"""

from types import SimpleNamespace

import numpy as np
import torch
from common import (
    PICTURE_NAMES,
    Fixture,
    Named,
    array,
    check_boxes,
    check_order,
    check_pictures_matter,
    check_varied,
    export,
    first_sound,
    picture,
    pixels_u8,
    prove,
    randomize,
    threshold_for,
)
from torchvision.transforms import functional
from transformers import (
    DFineConfig,
    DFineForObjectDetection,
    HGNetV2Config,
    RfDetrConfig,
    RfDetrDinov2Config,
    RfDetrForObjectDetection,
    RfDetrImageProcessor,
    RTDetrConfig,
    RTDetrForObjectDetection,
    RTDetrImageProcessorPil,
    RTDetrResNetConfig,
    RTDetrV2Config,
    RTDetrV2ForObjectDetection,
)

SIDE = 64
QUERIES = 30
KEPT = 10
# Roles of the results; a graph output of that name has the role `output.<name>`.
RESULTS = ("boxes", "scores", "labels")
DYNAMIC = {
    "pixel_values": {0: "batch_size"},
    "logits": {0: "batch_size", 1: "num_queries"},
    "pred_boxes": {0: "batch_size", 1: "num_queries"},
}
# COCO's 80 classes in the order of their sparse ids, and the ids that no class has.
CLASSES = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
]
NO_CLASS = (0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
DENSE = dict(enumerate(CLASSES))
SPARSE = dict(zip([index for index in range(91) if index not in NO_CLASS], CLASSES, strict=True))
SPARSE = {index: SPARSE.get(index, "N/A") for index in range(91)}


def transformer(**options):
    """What the tiny configurations of RT-DETR and D-FINE have in common."""
    return {
        "encoder_hidden_dim": 24,
        "encoder_in_channels": [12, 16, 24],
        "encoder_ffn_dim": 32,
        "encoder_attention_heads": 4,
        "hidden_expansion": 0.5,
        "d_model": 32,
        "num_queries": QUERIES,
        "decoder_in_channels": [24, 24, 24],
        "decoder_ffn_dim": 32,
        "decoder_layers": 2,
        "decoder_attention_heads": 4,
        "num_denoising": 0,
        "id2label": DENSE,
        "attn_implementation": "eager",
        **options,
    }


def resnet():
    """A small backbone of RT-DETR."""
    return RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 12, 16, 24],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )


def hgnet():
    """A small backbone of D-FINE."""
    return HGNetV2Config(
        stem_channels=[3, 8, 8],
        stage_in_channels=[8, 8, 12, 16],
        stage_mid_channels=[8, 8, 8, 8],
        stage_out_channels=[8, 12, 16, 24],
        stage_num_blocks=[1, 1, 1, 1],
        stage_numb_of_layers=[1, 1, 1, 1],
        hidden_sizes=[8, 12, 16, 24],
        depths=[1, 1, 1, 1],
        use_learnable_affine_block=True,
        out_features=["stage2", "stage3", "stage4"],
    )


def rtdetr():
    return RTDetrForObjectDetection(RTDetrConfig(backbone_config=resnet(), **transformer()))


def rtdetr_v2():
    return RTDetrV2ForObjectDetection(RTDetrV2Config(backbone_config=resnet(), **transformer()))


def dfine():
    return DFineForObjectDetection(DFineConfig(backbone_config=hgnet(), **transformer(depth_mult=0.34)))


def rfdetr():
    backbone = RfDetrDinov2Config(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        mlp_ratio=2,
        image_size=SIDE,
        patch_size=8,
        num_windows=2,
        out_features=["stage1", "stage3"],
        use_mask_token=False,
    )
    config = RfDetrConfig(
        backbone_config=backbone,
        d_model=32,
        decoder_ffn_dim=32,
        decoder_layers=2,
        decoder_n_points=2,
        decoder_self_attention_heads=4,
        decoder_cross_attention_heads=4,
        c2f_num_blocks=1,
        num_queries=QUERIES,
        group_detr=1,
        id2label=SPARSE,
        attn_implementation="eager",
    )
    model = RfDetrForObjectDetection(config)
    # The input has one size, as in RF-DETR's export, so the position embeddings need no interpolation.
    embeddings = model.model.backbone.backbone.embeddings
    embeddings.interpolate_pos_encoding = lambda patches, height, width: embeddings.position_embeddings
    return model


class WithBoxes(torch.nn.Module):
    """A detector with its post-processing inside, in the layout of the authors' repositories."""

    def __init__(self, model):
        super().__init__()
        self.model, self.config = model, model.config

    def forward(self, images, orig_target_sizes):
        out = self.model(pixel_values=images)
        center, size = out.pred_boxes[..., :2], out.pred_boxes[..., 2:]
        boxes = torch.cat([center - size / 2, center + size / 2], -1) * orig_target_sizes.repeat(1, 2)[:, None]
        scores, places = out.logits.sigmoid().flatten(1).topk(QUERIES)
        boxes = boxes.gather(1, (places // len(CLASSES))[..., None].expand(-1, -1, 4))
        return {"labels": places % len(CLASSES), "boxes": boxes, "scores": scores}


class AsRfDetr(torch.nn.Module):
    """RF-DETR under the names of its own export."""

    def __init__(self, model):
        super().__init__()
        self.model, self.config = model, model.config

    def forward(self, **inputs):
        out = self.model(pixel_values=inputs["input"])
        return {"dets": out.pred_boxes, "labels": out.logits}


def pil_inputs(processor, image):
    """Picture before normalization and graph input by the PIL processor."""
    return ("pixels_u8", pixels_u8(processor, image)), processor(image, return_tensors="pt")["pixel_values"]


def rfdetr_inputs(processor, image):
    """The same by the steps of the `rfdetr` package; resizing before or after normalization is the same."""
    values = functional.to_tensor(image)
    resized = functional.resize(values, [SIDE, SIDE])
    normalized = functional.normalize(values, processor.image_mean, processor.image_std)
    return (
        ("pixels_f32", np.moveaxis(array(resized), 0, -1).astype(np.float32)),
        functional.resize(normalized, [SIDE, SIDE])[None],
    )


def results(build, seed, processor, inputs_of, ordered):
    """The model of a seed, and for every picture its name, pixels, graph input, answers and detections.

    `ordered` asks for distinct scores all along, where the graph itself puts them in order.
    """
    model = randomize(build(), seed, gain=1.5)
    # The best of many classes would be so sure that their scores come together near 1.
    for name, weight in model.named_parameters():
        if "class_embed" in name and "enc_out" not in name and weight.ndim == 2:
            weight.mul_(0.3)
        # And boxes would be lines.
        if "bbox" in name and "layers.2" in name and weight.ndim == 2:
            weight.mul_(0.5)
        # A slot that no class has never wins.
        if name == "class_embed.bias" and len(weight) == len(SPARSE):
            weight[list(NO_CLASS)] -= 5
    found = []
    for name in PICTURE_NAMES:
        image = picture(name)
        pixels, values = inputs_of(processor, image)
        out = model(pixel_values=values)
        scores = out.logits.sigmoid()
        check_order(out.enc_outputs_class.max(-1).values, QUERIES)
        if ordered:
            check_order(scores, QUERIES)
        threshold = threshold_for(scores, KEPT)
        [detections] = processor.post_process_object_detection(
            SimpleNamespace(logits=out.logits, pred_boxes=out.pred_boxes),
            threshold=threshold,
            target_sizes=[(image.height, image.width)],
        )
        check_boxes(detections["boxes"], image)
        check_varied(detections["labels"].tolist(), 3)
        found.append((name, pixels, values, out, {"threshold": threshold, **detections}))
    check_pictures_matter([out.logits.sort(1).values for *_, out, _ in found])
    return model, found


def write(name, seeds, build, model_of, processor, inputs_of, layout):
    """Makes and writes one fixture; `layout` gives the graph's inputs, by name from picture and values, and outputs."""
    graph_inputs, outputs, dynamic = layout
    ordered = "scores" in outputs
    seed, (model, found) = first_sound(lambda seed: results(build, seed, processor, inputs_of, ordered), seeds)
    fed = [graph_inputs(picture(picture_name), values) for picture_name, _, values, _, _ in found]
    named = Named(model_of(model), list(fed[0]), outputs)

    fixture = Fixture(
        name,
        "detr.py",
        seed=seed,
        image_processor=type(processor).__name__ if inputs_of is pil_inputs else "torchvision.transforms.functional",
        post_processing=f"{type(processor).__name__}.post_process_object_detection",
    )
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(fixture.checkpoint)
    processor.save_pretrained(fixture.checkpoint)
    path = fixture.checkpoint / "onnx" / "model.onnx"
    export(named, fed[0], path, dynamic)
    difference = prove(path, fed, named)
    print(f"{name}: seed {seed}, ONNX Runtime within {difference:.1e} of torch")

    for inputs, (case, (role, pixels), _, _, detections) in zip(fed, found, strict=True):
        answers = named.named(inputs)
        if "scores" in answers:
            for key in RESULTS:
                torch.testing.assert_close(answers[key][0, : len(detections[key])], detections[key])
        values = {**inputs, **{key if key not in RESULTS else f"output.{key}": value for key, value in answers.items()}}
        tensors = {role: (f"{case}.{role}", pixels)}
        tensors |= {key: (f"{case}.{key}", value) for key, value in values.items()}
        tensors |= {key: (f"{case}.result.{key}", detections[key]) for key in RESULTS[:2]}
        labels = detections["labels"].tolist()
        fixture.case(
            case,
            case,
            tensors,
            threshold=detections["threshold"],
            labels=labels,
            text_labels=[model.config.id2label[label] for label in labels],
        )
    fixture.write()


def main():
    size = {"height": SIDE, "width": SIDE}
    pil = RTDetrImageProcessorPil(size=size)
    rf = RfDetrImageProcessor(size=size, do_pad=False)
    plain = (lambda image, values: {"pixel_values": values}, ["logits", "pred_boxes"], DYNAMIC)
    inside = (
        lambda image, values: {"images": values, "orig_target_sizes": torch.tensor([image.size])},
        ["labels", "boxes", "scores"],
        {},
    )
    own = (lambda image, values: {"input": values}, ["dets", "labels"], {})
    write("rtdetr", range(100), rtdetr, lambda model: model, pil, pil_inputs, plain)
    write("rtdetr_v2", range(100, 200), rtdetr_v2, lambda model: model, pil, pil_inputs, plain)
    write("dfine", range(200, 300), dfine, lambda model: model, pil, pil_inputs, plain)
    write("rtdetr_v2_boxes", range(300, 400), rtdetr_v2, WithBoxes, pil, pil_inputs, inside)
    write("rfdetr", range(400, 500), rfdetr, AsRfDetr, rf, rfdetr_inputs, own)


if __name__ == "__main__":
    main()
