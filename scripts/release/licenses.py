"""The licenses of all that a release holds. One that is not permissive stops the release."""

import json
import re
from collections import defaultdict
from pathlib import Path

import layout
import ort
import process
from steps import SetupError

# SPDX identifiers of the licenses that bind to nothing but naming them.
PERMISSIVE = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "OFL-1.1", "Unicode-3.0", "Unlicense", "Zlib",
}  # fmt: skip
FEATURES = "ros"
FILE_NAMES = re.compile(r"(LICEN[SC]E|COPYING|NOTICE|COPYRIGHT|UNLICENSE|OFL)([-_.].*)?", re.IGNORECASE)
# Of the C libraries inside a crate only these: some come with files for programs that are not built.
INNER_FILE_NAMES = re.compile(r"(LICEN[SC]E|OFL)([-_.].*)?", re.IGNORECASE)
MIT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def is_permissive(expression: str) -> bool:
    """Whether an SPDX expression offers a way that is permissive throughout; `/` is an old way to write OR."""
    terms = re.findall(r"\(|\)|[^\s()]+(?:\s+WITH\s+[^\s()]+)?", expression.replace("/", " OR "))

    def alternatives() -> bool:
        results = [conjunction()]
        while terms and terms[0] == "OR":
            terms.pop(0)
            results.append(conjunction())
        return any(results)

    def conjunction() -> bool:
        results = [atom()]
        while terms and terms[0] == "AND":
            terms.pop(0)
            results.append(atom())
        return all(results)

    def atom() -> bool:
        if not terms:
            raise ValueError(f"{expression!r} ends too early")
        word = terms.pop(0)
        if word != "(":
            return word in PERMISSIVE
        inner = alternatives()
        if not terms or terms.pop(0) != ")":
            raise ValueError(f"{expression!r} has a bracket without an end")
        return inner

    result = alternatives()
    if terms:
        raise ValueError(f"{expression!r} is no license expression from {' '.join(terms)!r} on")
    return result


def linked_crates() -> list[dict]:
    """The outside crates that are in the programs: not those that only build scripts, macros or tests use."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--features", FEATURES]
    command += ["--filter-platform", host(), "--manifest-path", layout.ROOT / "Cargo.toml"]
    text = process.output(command)
    if not text:
        raise SetupError("cargo metadata tells nothing", "`make build` first")
    metadata = json.loads(text)
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    root = metadata["resolve"]["root"]
    linked, pending = set(), [root]
    while pending:
        node = pending.pop()
        is_macro = any("proc-macro" in target["kind"] for target in packages[node]["targets"])
        if node in linked or is_macro:
            continue
        linked.add(node)
        pending += [
            used["pkg"] for used in nodes[node]["deps"] if any(kind["kind"] is None for kind in used["dep_kinds"])
        ]
    return sorted((packages[node] for node in linked - {root}), key=lambda package: (package["name"], package["version"]))


def host() -> str:
    """The platform that rustc builds for."""
    found = re.search(r"^host: (\S+)$", process.output(["rustc", "-vV"]), re.MULTILINE)
    if found is None:
        raise SetupError("there is no rustc", "`make build` first")
    return found[1]


def refused(crates: list[dict]) -> list[str]:
    """Each crate without a license that will do, in words."""
    return [
        f"{crate['name']} {crate['version']}: {crate['license'] or 'names no license'}"
        for crate in crates
        if not crate["license"] or not is_permissive(crate["license"])
    ]


def texts_of(crate: dict) -> list[str]:
    """The license files of a crate and of what it carries; else, for one under MIT, that with its authors."""
    folder = Path(crate["manifest_path"]).parent
    files = [path for path in sorted(folder.iterdir()) if FILE_NAMES.fullmatch(path.name) and path.is_file()]
    files += [
        path
        for path in sorted(folder.rglob("*"))
        if path.parent != folder and INNER_FILE_NAMES.fullmatch(path.name) and path.is_file()
    ]
    if files:
        return [path.read_text(errors="replace").strip() for path in files]
    if "MIT" in crate["license"]:
        authors = ", ".join(crate["authors"]) or f"the authors of {crate['name']}"
        return [f"Copyright (c) {authors}\n\n{MIT}".strip()]
    raise SetupError(f"the crate {crate['name']} {crate['version']} ({crate['license']}) brings no license file")


def write(folder: Path) -> None:
    """One file for the crates, and ONNX Runtime's own."""
    crates = linked_crates()
    wrong = refused(crates)
    if wrong:
        raise SetupError(f"not under a permissive license: {'; '.join(wrong)}", "use another crate")
    users = defaultdict(list)
    for crate in crates:
        for text in texts_of(crate):
            users[text].append(f"{crate['name']} {crate['version']}")
    listing = "".join(f"{crate['name']} {crate['version']}: {crate['license']}\n" for crate in crates)
    parts = ["The programs hold Rust's standard library (MIT OR Apache-2.0) and these crates:\n\n" + listing]
    parts += [f"{', '.join(names)}\n\n{text}\n" for text, names in sorted(users.items(), key=lambda item: item[1])]
    folder.mkdir()
    (folder / "crates.txt").write_text(f"\n{'=' * 100}\n".join(parts))
    for name in ort.LICENSES:
        source = layout.ONNXRUNTIME / name
        if not source.is_file():
            raise SetupError(f"{layout.shown(source)} is missing", "python3 scripts/setup onnxruntime")
        (folder / f"onnxruntime-{name}").write_bytes(source.read_bytes())
