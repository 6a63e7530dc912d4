"""`scripts/aarch64.py`: what it says where Rust's library for ARM cannot be had. That it builds and tests, `make aarch64` shows."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def aarch64():
    sys.path.insert(0, str(ROOT / "scripts/setup"))
    spec = importlib.util.spec_from_file_location("aarch64", ROOT / "scripts/aarch64.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_rustup_the_missing_library_is_named(aarch64, monkeypatch):
    monkeypatch.setattr(aarch64, "has_standard_library", lambda: False)
    monkeypatch.setattr(aarch64.shutil, "which", lambda program: None)
    with pytest.raises(aarch64.SetupError, match="no rustup, and this Rust has no standard library for aarch64") as raised:
        aarch64.provide_standard_library()
    assert "rustup target add aarch64-unknown-linux-gnu" in raised.value.cure


def test_what_rustup_cannot_fetch_is_told_with_its_words(aarch64, monkeypatch, tmp_path):
    rustup = tmp_path / "rustup"
    rustup.write_text("#!/bin/sh\necho could not download >&2\nexit 1\n")
    rustup.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(aarch64, "has_standard_library", lambda: False)
    with pytest.raises(aarch64.SetupError, match="could not download"):
        aarch64.provide_standard_library()


def test_what_the_system_lacks_is_told_apart(aarch64, monkeypatch):
    there = {"qemu-aarch64"}
    monkeypatch.setattr(aarch64.shutil, "which", lambda program: program if program in there else None)
    compilers, emulator = aarch64.system_needs()
    assert not compilers.is_met() and emulator.is_met()
    assert "gcc-aarch64-linux-gnu" in compilers.packages
