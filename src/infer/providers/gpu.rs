//! What the engine cache must know of the GPU: an engine fits one chip.

use std::process::Command;

/// A GPU by name and compute capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::infer) struct Gpu {
    /// `NVIDIA H100 80GB HBM3`; `unknown` where the driver does not tell.
    pub name: String,
    /// `9.0`; `unknown` where the driver does not tell.
    pub compute_capability: String,
}

impl Gpu {
    /// Asks `nvidia-smi` about the device; on a Jetson without it, the device tree names the board.
    pub fn query(device_id: u32) -> Self {
        let device = device_id.to_string();
        Command::new("nvidia-smi")
            .args(["--query-gpu=name,compute_cap", "--format=csv,noheader", "-i", &device])
            .output()
            .ok()
            .filter(|output| output.status.success())
            .and_then(|output| Self::from_csv(&String::from_utf8_lossy(&output.stdout)))
            .unwrap_or_else(|| Self { name: board_name(), compute_capability: "unknown".to_owned() })
    }

    fn from_csv(text: &str) -> Option<Self> {
        let (name, compute_capability) = text.lines().next()?.rsplit_once(',')?;
        let known = |field: &str| match field.trim() {
            "" | "[N/A]" => "unknown".to_owned(),
            field => field.to_owned(),
        };
        Some(Self { name: known(name), compute_capability: known(compute_capability) })
    }
}

fn board_name() -> String {
    let model = std::fs::read_to_string("/proc/device-tree/model").unwrap_or_default();
    match model.trim_matches(['\0', ' ', '\n']) {
        "" => "unknown".to_owned(),
        model => model.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_nvidia_smi_is_a_gpu() {
        let gpu = Gpu::from_csv("NVIDIA H100 80GB HBM3, 9.0\n").unwrap();
        assert_eq!((gpu.name.as_str(), gpu.compute_capability.as_str()), ("NVIDIA H100 80GB HBM3", "9.0"));
        assert_eq!(Gpu::from_csv("Orin (nvgpu), [N/A]").unwrap().compute_capability, "unknown");
        assert_eq!(Gpu::from_csv("No devices were found"), None);
    }
}
