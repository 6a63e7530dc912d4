# Vedette. `make demo` and `make test` do all their own set-up.
#   make setup            ROS 2 (a sourced one, or a prefix inside the project), ONNX Runtime, weights, footage
#   make setup GPU=1      the same with the CUDA and TensorRT build of ONNX Runtime
#   make demo             the real node on real footage; pictures and a recording under out/
#   make without-ros      only what needs no ROS: ONNX Runtime, weights, and the program with replay, ask, check, models
#   make release          what a robot needs and no compiler, packed into dist/: a tarball and a Debian package
#   make image            a container image of the node: GPU=1 for NVIDIA, ROS_DISTRO=humble for another ROS
#   make test             every test, the ROS ones over real DDS on loopback
#   make lint             formatter, clippy, rustdoc, warnings denied
#   make bench            our figures beside the peers', as ratios of one run
#   make bench-gpu        every provider of this machine: latency, agreement, tokens per second; under ten minutes
#   make aarch64          the program built for 64-bit ARM, its unit tests under emulation
#   make bench-reference  those beside torch and transformers, which it installs first (5.7 GB)

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
ENV := . .deps/env.sh
VEDETTE := target/release/vedette

.PHONY: help setup build without-ros release image test lint demo bench bench-gpu bench-reference aarch64 clean

help:
	@sed -n 's/^#   //p' Makefile

setup:
	@$(PYTHON) scripts/setup $(if $(filter 1,$(GPU)),--gpu)

# Two programs: the node, which is linked with ROS, and all else, which runs where there is none.
build: setup
	@$(ENV); scripts/cargo build --release --locked --features ros --bin vedette_node
	@$(ENV); cargo build --release --locked --bin vedette

without-ros:
	@$(PYTHON) scripts/setup onnxruntime weights text-encoder
	cargo build --release --locked --bin vedette

release: build
	@$(ENV); python3 scripts/release --deb

image:
	@builder=$$(command -v docker || command -v podman || command -v buildah) || \
	    { echo "make image: there is no docker, podman or buildah" >&2; exit 1; }; \
	$$builder build --target $(if $(filter 1,$(GPU)),nvidia -t vedette:nvidia,cpu -t vedette) \
	    $(if $(ROS_DISTRO),--build-arg ROS_DISTRO=$(ROS_DISTRO)) .

test: setup
	@$(PYTHON) scripts/setup onnxruntime-oldest onnxruntime-gpu-wheel packaging node
	@$(ENV); scripts/cargo test --release --locked --features ros
	@$(ENV); scripts/cargo build --release --locked --features ros --bin vedette_node --example faulty_node
	@$(ENV); cargo build --release --locked --bin vedette
	@$(ENV); python3 -m pytest -q tests/setup tests/packaging tests/ros tests/reference tests/cli tests/docs

lint: setup
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	@$(ENV); scripts/cargo clippy --locked --all-targets --features ros,tensorrt,cuda -- -D warnings

demo: build
	@$(ENV); python3 scripts/demo.py

bench: build
	@$(ENV); python3 bench/run.py

bench-gpu: setup
	@$(ENV); python3 bench/gpu.py

bench-reference: setup
	@$(PYTHON) scripts/setup parity
	@$(ENV); python3 bench/processors.py

aarch64:
	$(PYTHON) scripts/aarch64.py

clean:
	rm -rf target out
