"""Writes the fixtures of `vision::processor`: what Pillow and transformers' PIL image processors make of the pictures
beside this folder.

    python3 -m venv /tmp/venv
    /tmp/venv/bin/pip install pillow==13.0.0 numpy scipy safetensors torch transformers==5.23.0
    /tmp/venv/bin/python generate.py

`resized.safetensors` holds `PICTURE/RESAMPLE/WxH`: uint8 [H, W, 3], Pillow's `Image.resize`. `processed.safetensors`
holds the `pixel_values` of `processed.json`'s cases: a name, a picture, a configuration, and for OWLv2 the padding.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.grounding_dino.image_processing_pil_grounding_dino import GroundingDinoImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil
from transformers.models.owlvit.image_processing_pil_owlvit import OwlViTImageProcessorPil
from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

HERE = Path(__file__).parent
# Picture and sizes: shrunk by odd factors, enlarged, one side each, and sides of one pixel.
RESIZED = [("shrink", (23, 17)), ("enlarge", (46, 31)), ("tall", (40, 9)), ("thin", (7, 11)), ("column", (5, 9)), ("pixel", (3, 2))]


def picture(name):
    return Image.open(HERE.parent / f"{name}.png").convert("RGB")


class Owlv2(Owlv2ImageProcessorPil):
    """With the gray of the authors' padding, or the black that this version of transformers pads with."""

    padding = 0.0

    def pad(self, image, constant_value=None):
        return super().pad(image, self.padding)


class GrayOwlv2(Owlv2):
    padding = 0.5


size = lambda height, width: {"height": height, "width": width}
CASES = [
    ("clip", "shrink", CLIPImageProcessorPil, {"size": {"shortest_edge": 16}, "crop_size": size(16, 16)}),
    ("clip_tall", "tall", CLIPImageProcessorPil, {"size": {"shortest_edge": 16}, "crop_size": size(15, 13)}),
    ("clip_small", "enlarge", CLIPImageProcessorPil, {"size": {"shortest_edge": 12}, "crop_size": size(23, 18)}),
    ("clip_thin", "column", CLIPImageProcessorPil, {"size": {"shortest_edge": 12}, "crop_size": size(12, 12)}),
    ("siglip", "shrink_little", SiglipImageProcessorPil, {"size": size(14, 18)}),
    ("florence2", "shrink", CLIPImageProcessorPil, {"size": size(16, 16), "do_center_crop": False}),
    ("owlvit", "third", OwlViTImageProcessorPil, {"size": size(16, 16)}),
    ("rtdetr", "shrink", RTDetrImageProcessorPil, {"size": size(17, 13)}),
    ("dino_bounded", "third", GroundingDinoImageProcessorPil, {"size": {"shortest_edge": 20, "longest_edge": 33}}),
    ("dino_tall", "tall", GroundingDinoImageProcessorPil, {"size": {"shortest_edge": 14, "longest_edge": 60}}),
    ("owlv2_gray", "shrink", GrayOwlv2, {"size": size(16, 16)}),
    ("owlv2_black", "tall", Owlv2, {"size": size(18, 15)}),
    ("owlv2_enlarged", "enlarge", GrayOwlv2, {"size": size(41, 5)}),
    ("owlv2_strong", "third", GrayOwlv2, {"size": size(5, 7)}),
    ("owlv2_pixel", "pixel", GrayOwlv2, {"size": size(4, 4)}),
    ("owlv2_column", "column", GrayOwlv2, {"size": size(9, 9)}),
    ("owlv2_stretched", "shrink", Owlv2, {"size": size(13, 17), "do_pad": False}),
    ("smolvlm", "third", SmolVLMImageProcessorPil, {"size": {"longest_edge": 20}, "max_image_size": {"longest_edge": 8}}),
    ("idefics3_tall", "tall", Idefics3ImageProcessorPil, {"size": {"longest_edge": 15}, "max_image_size": {"longest_edge": 8}}),
    ("smolvlm_one", "enlarge", SmolVLMImageProcessorPil, {"size": {"longest_edge": 10}, "max_image_size": {"longest_edge": 12}}),
    ("smolvlm_whole", "shrink", SmolVLMImageProcessorPil,
     {"size": {"longest_edge": 20}, "max_image_size": {"longest_edge": 8}, "do_image_splitting": False}),
]

resized = {}
for name, (width, height) in RESIZED:
    for resample in range(6):
        resized[f"{name}/{resample}/{width}x{height}"] = np.array(picture(name).resize((width, height), resample))
# Each pass alone.
resized["half/3/128x5"] = np.array(picture("half").resize((128, 5), 3))
resized["half/1/7x96"] = np.array(picture("half").resize((7, 96), 1))
save_file(resized, HERE / "resized.safetensors")

cases, processed = [], {}
for name, source, processor, settings in CASES:
    processor_ = processor(**settings)
    pixels = processor_(images=picture(source), return_tensors="np")["pixel_values"]
    processed[name] = pixels.reshape(-1, *pixels.shape[-3:]).astype(np.float32)
    config = processor_.to_dict()
    if "Owlv2" in config["image_processor_type"]:
        config["image_processor_type"] = "Owlv2ImageProcessor"
    cases.append({"name": name, "picture": source, "padding": getattr(processor_, "padding", None), "config": config})
save_file(processed, HERE / "processed.safetensors")
(HERE / "processed.json").write_text(json.dumps(cases, indent=1) + "\n")
