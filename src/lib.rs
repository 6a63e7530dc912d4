//! Vedette: the mounted scout that watches, reports what it sees and says what to do.
//!
//! A ROS 2 perception node: camera topics in, ONNX vision models, detections and plans out. This library is the whole
//! of it; the programs `vedette` and `vedette_node`, the only one that is linked with ROS, read the command line. The core
//! is pure: the same messages give the same bytes, whether they come over DDS or from a bag, and no stage asks a clock
//! or ROS.
//!
//! The walk, here over a bag:
//!
//! ```no_run
//! use vedette::{bag, config::{Config, Names, assembly}, pipeline, replay, wire};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let config = Config::default();
//!     // The model in its session, on the first provider that runs it, warmed up.
//!     let model = assembly::load_model(&config)?;
//!     let mut walk = pipeline::Walk::prompted(&config, model.detector, &model.name, model.prompts)?;
//!     // Messages in log-time order, bytes borrowed from the reader ...
//!     let mut bag = bag::BagSource::open(&["data/vtest".into()])?;
//!     let names = Names::default();
//!     let topics = replay::ReplayTopics::choose(bag::Source::topics(&bag), &names)?;
//!     let mut intakes = pipeline::Intakes::open(&config, &topics.images())?;
//!     // ... decoded, joined by stamp, letterboxed, detected, tracked, placed, planned, encoded, and written under the image's stamp.
//!     let outlets = pipeline::Output::outlets(&pipeline::Output::ALL, 1);
//!     let topic_of = |outlet: pipeline::Outlet| names.resolve(outlet.output.name());
//!     let definition_of = wire::schema::message_definition;
//!     let replace = bag::McapSink::replace(false);
//!     let mut recording = bag::McapSink::create("out.mcap".as_ref(), replace, &outlets, topic_of, definition_of)?;
//!     let report = replay::replay(&mut bag, &topics, &mut intakes, &mut walk, &mut recording, &mut ())?;
//!     recording.finish()?;
//!     println!("{} of {} images processed", report.processed, report.images);
//!     Ok(())
//! }
//! ```
//!
//! | module | from | to |
//! | --- | --- | --- |
//! | [`types`] | | the values that walk, with their units and frames |
//! | [`wire`] | CDR bytes | types, and back |
//! | [`vision`] | a picture | a tensor; boxes back in image pixels |
//! | [`infer`] | a tensor | a model's outputs, and the proof of the provider that ran it |
//! | [`language`] | words, a decoder | tokens, answers, proposals under a grammar |
//! | [`zoo`] | a picture | a model family's boxes |
//! | [`tracking`] | boxes | tracks |
//! | [`spatial`] | a box and a camera | a place on the ground |
//! | [`world`] | tracks and the robot's motion | things with places and velocities |
//! | [`planning`] | things | a plan and a path |
//! | [`pipeline`] | messages | messages: the walk itself |
//! | [`config`] | parameter files, ROS arguments | checked parameters |
//! | [`bag`] | files | recorded messages, and results as a file |
//! | [`replay`] | a bag | the walk's messages and a report |
//! | `ros` | DDS | the walk's messages, live |
//!
//! Read [`pipeline`] first; then one stage and its tests.

pub mod bag;
pub mod config;
pub mod infer;
pub mod language;
pub mod pipeline;
pub mod planning;
pub mod replay;
#[cfg(feature = "ros")]
pub mod ros;
pub mod spatial;
pub mod tracking;
pub mod types;
pub mod vision;
pub mod wire;
pub mod world;
pub mod zoo;
