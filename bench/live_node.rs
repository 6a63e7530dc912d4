//! The node of the live bench: the whole walk over real DDS with a model that answers at once, eight boxes in every
//! picture. `bench/run.py` measures it beside an rclpy node that does the same.
//!
//! Takes ROS arguments: `live_node --ros-args -r image:=/bench/image`.

use anyhow::Result;
use vedette::config::{Config, Names, NodeName, RosArgs};
use vedette::pipeline::{Intakes, Walk};
use vedette::ros::{Edge, Parts};
use vedette::types::{BBox, ClassId, Labels, Size};
use vedette::vision::Candidate;
use vedette::zoo::constant_detector;

const TENSOR: Size = Size { width_px: 640, height_px: 640 };

fn main() -> Result<()> {
    let (_, ros_args) = RosArgs::split(std::env::args_os())?;
    if ros_args == RosArgs::default() {
        // Run by plain `cargo bench`, without anyone who measures it.
        return Ok(());
    }
    let names = Names::new(NodeName::default(), &ros_args.remaps);
    let config = Config::load(names.node(), &ros_args.parameters)?.config;
    let of_load = names.clone();
    Edge::start()?.run(&config, &names, Box::new(move |config, _| parts(config, &of_load).map_err(Into::into)))?;
    Ok(())
}

fn parts(config: &Config, names: &Names) -> Result<Parts> {
    let candidates: Vec<Candidate> = (0..8u8)
        .filter_map(|index| {
            let bbox = BBox::from_center(100.0 + 40.0 * f32::from(index), 300.0, 30.0, 80.0)?;
            Some(Candidate { bbox, class: ClassId(0), score: 0.9, source: 0 })
        })
        .collect();
    let detector = constant_detector(TENSOR, &Labels::new(["person"], 0), &candidates)?;
    let walk = Walk::new(config, detector, "constant")?;
    Ok(Parts { intakes: Intakes::of_node(config, names)?, walk, prompter: None, reason: None })
}
