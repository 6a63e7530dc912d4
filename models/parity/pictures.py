"""Writes the three pictures that every parity fixture shares, and the note of their source.

From scikit-image's data, public domain or CC0. Cut and scaled so that one is landscape, one portrait and one nearly
square, none with a round number of pixels.
"""

import skimage.data
from common import PICTURES
from PIL import Image

# Name, cut (left, top, right, bottom) of the original or None for all of it, size (width, height).
RECIPES = (
    ("coffee", None, (319, 213)),
    ("chelsea", (100, 0, 320, 300), (179, 244)),
    ("astronaut", (0, 0, 480, 512), (211, 225)),
)
README = """# Pictures of the parity fixtures

PNG, RGB, 8 bit. Written by `models/parity/pictures.py` from the data of [scikit-image](https://scikit-image.org),
cut and scaled with Lanczos.

| File | Size | Source | License |
|---|---|---|---|
| `coffee.png` | 319 x 213 | `skimage.data.coffee`, photograph by Rachel Michetti, courtesy of Pikolo Espresso Bar | CC0 |
| `chelsea.png` | 179 x 244 | `skimage.data.chelsea`, photograph by Stefan van der Walt | CC0 |
| `astronaut.png` | 211 x 225 | `skimage.data.astronaut`, NASA, Eileen Collins | public domain |
"""


def main():
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, cut, size in RECIPES:
        image = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
        image = image.crop(cut) if cut else image
        path = PICTURES / f"{name}.png"
        image.resize(size, Image.Resampling.LANCZOS).save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size} bytes")
    (PICTURES / "README.md").write_text(README)


if __name__ == "__main__":
    main()
