"""Makes Inter-SemiBold.ttf out of the unpacked package @fontsource/inter: one font of its parts, letters that labels need."""

import sys
import tempfile
from pathlib import Path

from fontTools import subset
from fontTools.merge import Merger
from fontTools.ttLib import TTFont

PARTS = ("latin", "latin-ext", "greek", "cyrillic")
LAYOUT = ("GSUB", "GPOS", "GDEF", "STAT", "gasp", "prep")
LETTERS = [
    *range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x218, 0x21C), *range(0x370, 0x460), 0x490, 0x491, 0x1E9E,
    *range(0x2010, 0x2027), 0x20AC, 0x2122, 0x2212, 0xFFFD,
]  # fmt: skip


def main(package: Path, out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        parts = []
        for part in PARTS:
            font = TTFont(package / "files" / f"inter-{part}-600-normal.woff2")
            font.flavor = None
            for table in LAYOUT:
                if table in font:
                    del font[table]
            parts.append(f"{folder}/{part}.ttf")
            font.save(parts[-1])
        font = Merger().merge(parts)
    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True, glyph_names=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=LETTERS)
    subsetter.subset(font)
    font.save(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
