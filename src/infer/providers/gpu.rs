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
    /// Asks `nvidia-smi` about a device as CUDA counts them in this process; on a Jetson without it, the device tree names
    /// the board.
    pub fn query(device_id: u32) -> Self {
        let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
        driver_id(visible.as_deref(), device_id)
            .and_then(|id| {
                let query = ["--query-gpu=name,compute_cap", "--format=csv,noheader", "-i", &id];
                Command::new("nvidia-smi").args(query).output().ok()
            })
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

/// What the driver calls CUDA's device: the number among all, or the UUID. `None` where `CUDA_VISIBLE_DEVICES` shows no such
/// one: CUDA sees the devices of that list, up to the first entry that is none.
fn driver_id(visible: Option<&str>, device_id: u32) -> Option<String> {
    let Some(visible) = visible else { return Some(device_id.to_string()) };
    let is_device = |entry: &&str| {
        entry.parse::<u32>().is_ok() || ["GPU-", "MIG-"].iter().any(|of_uuid| entry.starts_with(of_uuid))
    };
    let mut devices = visible.split(',').map(str::trim).take_while(is_device);
    devices.nth(usize::try_from(device_id).ok()?).map(str::to_owned)
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

    #[test]
    fn a_device_is_counted_among_the_visible_ones() {
        let id = |visible, device| driver_id(visible, device);
        assert_eq!(id(None, 1).as_deref(), Some("1"));
        assert_eq!(id(Some("3,1"), 0).as_deref(), Some("3"));
        assert_eq!(id(Some("3, 1"), 1).as_deref(), Some("1"));
        assert_eq!(
            id(Some("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"), 0).as_deref(),
            Some("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6")
        );
        for (visible, device) in [("", 0), ("-1", 0), ("0", 1), ("0,-1,1", 1), ("all", 0)] {
            assert_eq!(id(Some(visible), device), None, "{visible:?} {device}");
        }
    }
}
