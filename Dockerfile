# syntax=docker/dockerfile:1
# Vedette in an image, for x86-64 and arm64: `make image`, or
#
#   docker build --target cpu -t vedette .           ONNX Runtime for the CPU
#   docker build --target nvidia -t vedette:nvidia . with CUDA for NVIDIA GPUs
#
# Build arguments: ROS_DISTRO; RUST_VERSION; GPU_STEPS, what the set-up fetches for a GPU ("… tensorrt" adds TensorRT, which
# comes from NVIDIA's own package index, for x86-64). No weights are inside: mount a folder with models.
ARG ROS_DISTRO=jazzy

# Builds as in any workspace. Of this stage the images take the install space alone.
FROM ros:${ROS_DISTRO}-ros-core AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
        build-essential ca-certificates curl git libclang-dev python3-colcon-common-extensions python3-rosdep \
        python3-venv \
 && rm -rf /var/lib/apt/lists/*
# A distribution's own Rust is too old.
ARG RUST_VERSION=1.95.0
ENV PATH=/root/.cargo/bin:$PATH
RUN curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs \
    | sh -s -- -y --profile minimal --default-toolchain "$RUST_VERSION"
WORKDIR /workspace
# What rosdep installs hangs on the manifests alone: a change of the code does not repeat it.
COPY package/package.xml src/vedette/package/
COPY msgs/vedette_msgs/package.xml src/vedette/msgs/vedette_msgs/
RUN apt-get update \
 && rosdep init \
 && rosdep update --rosdistro "$ROS_DISTRO" \
 && rosdep install --from-paths src --ignore-src --default-yes --rosdistro "$ROS_DISTRO" --skip-keys cargo \
 && rm -rf /var/lib/apt/lists/*
COPY . src/vedette
RUN python3 src/vedette/scripts/setup onnxruntime \
 && . "/opt/ros/$ROS_DISTRO/setup.bash" \
 && colcon build --merge-install --install-base /opt/vedette \
 && strip /opt/vedette/lib/vedette/vedette /opt/vedette/lib/vedette/vedette_node \
 && python3 src/vedette/scripts/release --licenses /opt/vedette/licenses

# ONNX Runtime with its providers for a GPU, and the CUDA libraries that they load.
FROM build AS gpu-libraries
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ARG GPU_STEPS="onnxruntime-gpu-wheel cuda"
# hadolint ignore=SC2086
RUN python3 src/vedette/scripts/setup $GPU_STEPS \
 && mkdir /opt/gpu \
 && for name in onnxruntime-gpu cuda tensorrt; do \
        if [ -d "src/vedette/.deps/$name" ]; then mv "src/vedette/.deps/$name" /opt/gpu/; fi; \
    done

FROM ros:${ROS_DISTRO}-ros-core AS cpu
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
COPY package/package.xml /tmp/manifests/vedette/
COPY msgs/vedette_msgs/package.xml /tmp/manifests/vedette_msgs/
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-rosdep \
 && rosdep init \
 && rosdep update --rosdistro "$ROS_DISTRO" \
 && rosdep install --from-paths /tmp/manifests --ignore-src --default-yes --rosdistro "$ROS_DISTRO" --dependency-types exec \
 && rm -rf /var/lib/apt/lists/* /tmp/manifests /root/.ros \
 && useradd --create-home --uid 10001 vedette
COPY --from=build /opt/vedette /opt/vedette
COPY --chmod=755 package/entrypoint.sh /
ENV PATH=/opt/vedette/lib/vedette:$PATH
USER 10001
WORKDIR /home/vedette
STOPSIGNAL SIGINT
ENTRYPOINT ["/entrypoint.sh"]
CMD ["vedette_node"]

FROM cpu AS nvidia
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
USER 0
COPY --from=gpu-libraries /opt/gpu /opt/gpu
RUN find /opt/gpu -name '*.so.*' -printf '%h\n' | sort -u > /etc/ld.so.conf.d/vedette-gpu.conf \
 && ldconfig
# For NVIDIA's container toolkit: which GPUs, and what of the driver.
ENV ORT_DYLIB_PATH=/opt/gpu/onnxruntime-gpu/libonnxruntime.so \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001
