//! What the tests of the walk give it, and what they hear back: messages of a small camera, and a list of results.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use vedette::config::Config;
use vedette::pipeline::{
    FrameError, FrameReport, Intake, Intakes, Moment, Outlet, Output, OutputError, Outputs, Taken, Walk, Wanted,
};
use vedette::types::{BBox, CameraId, ClassId, ImageView, Labels, PixelFormat, Size, Stamp};
use vedette::vision::Candidate;
use vedette::wire::HeaderRef;
use vedette::wire::sensor_msgs::encode_image;
use vedette::wire::vedette_msgs::{PlanMessage, ProposalMessage, decode_plan, decode_proposal};
use vedette::wire::vision_msgs::{Detection2DArray, decode_detections};
use vedette::zoo::{Detector, constant_detector};

pub const SIZE: Size = Size { width_px: 64, height_px: 48 };
pub const FRAME_ID: &str = "camera_optical_frame";
pub const MODEL: &str = "constant";
/// From image to image.
pub const PERIOD_MS: i64 = 100;
/// Focal length with which the boxes of [`walk`] stand a few meters ahead.
pub const FOCAL_PX: f64 = 60.0;

const CAMERA_INFO: &[u8] = include_bytes!("../data/cdr/camera_info.le.cdr");
const ODOMETRY: &[u8] = include_bytes!("../data/cdr/odometry.le.cdr");

pub fn stamp(ms: i64) -> Stamp {
    Stamp::from_ns(ms * 1_000_000)
}

/// The stamp of an image by its number, from 0.
pub fn nth(number: i64) -> Stamp {
    stamp(1000 + number * PERIOD_MS)
}

/// The message with the first occurrence of `from` replaced.
pub fn patched(mut cdr: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = cdr.windows(from.len()).position(|window| window == from).unwrap();
    cdr[at..at + from.len()].copy_from_slice(to);
    cdr
}

/// The message with another stamp in its header.
pub fn stamped(mut cdr: Vec<u8>, stamp: Stamp) -> Vec<u8> {
    let (sec, nanosec) = stamp.to_ros();
    cdr[4..8].copy_from_slice(&sec.to_le_bytes());
    cdr[8..12].copy_from_slice(&nanosec.to_le_bytes());
    cdr
}

/// Height and width, as Image and CameraInfo have them.
pub fn size_bytes(height_px: u32, width_px: u32) -> Vec<u8> {
    [height_px.to_le_bytes(), width_px.to_le_bytes()].concat()
}

/// A board of gray fields, one of which is as bright as the stamp says: a camera never gives the same picture twice.
pub fn pixels(stamp: Stamp) -> Vec<u8> {
    let fields =
        (0..SIZE.height_px / 8).flat_map(|y| (0..8).flat_map(move |_| (0..SIZE.width_px / 8).map(move |x| x + y)));
    let mut pixels: Vec<u8> = fields.flat_map(|number| [if number % 2 == 0 { 90 } else { 160 }; 3 * 8]).collect();
    show_stamp(&mut pixels, stamp);
    pixels
}

/// The last eight pixels say which tenth of a second it is.
fn show_stamp(pixels: &mut [u8], stamp: Stamp) {
    let tenth = u8::try_from(stamp.as_ns().div_euclid(100_000_000).rem_euclid(256)).unwrap();
    let begin = pixels.len() - 3 * 8;
    pixels[begin..].fill(tenth);
}

/// The picture of [`pixels`].
pub fn image(stamp: Stamp) -> Vec<u8> {
    image_with(stamp, &pixels(stamp), SIZE)
}

/// RGB, without padding.
pub fn image_with(stamp: Stamp, pixels: &[u8], size: Size) -> Vec<u8> {
    let view = ImageView::new(pixels, size, 3 * size.width_px, PixelFormat::Rgb8).unwrap();
    let mut cdr = Vec::new();
    encode_image(&mut cdr, HeaderRef { stamp, frame_id: FRAME_ID }, &view);
    cdr
}

/// The message of [`image`] for another stamp, in the same memory.
pub fn next_image(cdr: Vec<u8>, stamp: Stamp) -> Vec<u8> {
    let mut cdr = stamped(cdr, stamp);
    show_stamp(&mut cdr, stamp);
    cdr
}

/// The fixture, for images of `size`.
pub fn camera_info_of(stamp: Stamp, size: Size, focal_px: f64) -> Vec<u8> {
    let mut cdr = stamped(CAMERA_INFO.to_vec(), stamp);
    cdr = patched(cdr, &size_bytes(576, 768), &size_bytes(size.height_px, size.width_px));
    for (from, to) in [(700.5, focal_px), (701.5, focal_px), (383.5, 31.5), (287.5, 23.5)] {
        cdr = patched(cdr, &f64::to_le_bytes(from), &f64::to_le_bytes(to));
    }
    cdr
}

/// The camera of [`image`].
pub fn camera_info(stamp: Stamp) -> Vec<u8> {
    camera_info_of(stamp, SIZE, FOCAL_PX)
}

/// A camera that is not calibrated in numbers.
pub fn camera_info_with_nan(stamp: Stamp) -> Vec<u8> {
    patched(camera_info(stamp), &FOCAL_PX.to_le_bytes(), &f64::NAN.to_le_bytes())
}

/// Straight ahead at this speed.
pub fn odometry(stamp: Stamp, forward_mps: f64) -> Vec<u8> {
    let twist = |values: [f64; 6]| values.map(f64::to_le_bytes).concat();
    let (of_fixture, ahead) = ([-1.5, 2.0, 9.0, 0.0, 0.0, 0.25], [forward_mps, 0.0, 0.0, 0.0, 0.0, 0.0]);
    patched(stamped(ODOMETRY.to_vec(), stamp), &twist(of_fixture), &twist(ahead))
}

/// A TFMessage of one transform: the place of `child` in `parent`, and its turn as x, y, z, w.
pub fn tf(stamp: Stamp, parent: &str, child: &str, place: [f64; 3], turn: [f64; 4]) -> Vec<u8> {
    let (sec, nanosec) = stamp.to_ros();
    let mut body = [1u32.to_le_bytes(), sec.to_le_bytes(), nanosec.to_le_bytes()].concat();
    for name in [parent, child] {
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(u32::try_from(name.len() + 1).unwrap().to_le_bytes());
        body.extend(name.bytes().chain([0]));
    }
    body.resize(body.len().next_multiple_of(8), 0);
    body.extend(place.into_iter().chain(turn).flat_map(f64::to_le_bytes));
    [&[0, 1, 0, 0], &body[..]].concat()
}

/// The turn of an optical frame whose z is the x of its parent.
pub const OPTICAL: [f64; 4] = [-0.5, 0.5, -0.5, 0.5];
/// No turn.
pub const LEVEL: [f64; 4] = [0.0, 0.0, 0.0, 1.0];

/// The intakes with their walk, driven the way an edge drives them that waits for nothing.
pub struct Driven {
    pub intakes: Intakes,
    pub walk: Walk,
}

impl Driven {
    pub fn new(config: &Config, walk: Walk) -> Self {
        Self { intakes: Intakes::open(config, &["/camera/image"]).unwrap(), walk }
    }

    /// The only camera's intake.
    pub fn intake(&mut self) -> &mut Intake {
        self.intakes.of(CameraId(0))
    }

    pub fn camera_info(&mut self, cdr: &[u8]) -> Result<(), FrameError> {
        self.intake().camera_info(cdr)
    }

    pub fn odom(&mut self, cdr: &[u8]) -> Result<(), FrameError> {
        self.intakes.odom(cdr)
    }

    /// Whether this image is complete when it comes now.
    pub fn is_complete(&mut self, cdr: &[u8]) -> bool {
        matches!(self.intake().image(Cow::Borrowed(cdr), None).unwrap(), Taken::Moment(_))
    }

    /// An image that goes with what has come; its results go to `outputs`.
    pub fn image(&mut self, cdr: &[u8], outputs: &mut dyn Outputs) -> Result<FrameReport, FrameError> {
        if let Taken::Moment(moment) = self.intakes.of(CameraId(0)).image(Cow::Borrowed(cdr), None)? {
            return process(&mut self.walk, &moment, outputs);
        }
        let moment = self.intakes.of(CameraId(0)).go_without()?.expect("the image waits");
        process(&mut self.walk, &moment, outputs)
    }
}

fn process(walk: &mut Walk, moment: &Moment<'_>, outputs: &mut dyn Outputs) -> Result<FrameReport, FrameError> {
    let entered = walk.enter(moment.camera, moment.stamp(), moment.frame.frame_id());
    entered.events.iter().for_each(|cdr| outputs.put(Output::Events.of(moment.camera), moment.stamp(), cdr).unwrap());
    assert_eq!(entered.passed_over, None, "the parameters want it processed");
    let said = walk.frame(moment, Wanted::by(outputs, moment.camera))?;
    said.hand_to(outputs).unwrap();
    Ok(*said.report())
}

impl Deref for Driven {
    type Target = Walk;

    fn deref(&self) -> &Walk {
        &self.walk
    }
}

impl DerefMut for Driven {
    fn deref_mut(&mut self) -> &mut Walk {
        &mut self.walk
    }
}

/// A walk that sees a person 3 m and a dog 7 m ahead, and a car to the left, in every picture.
pub fn walk() -> Driven {
    walk_with(&Config::default())
}

/// The same with other parameters.
pub fn walk_with(config: &Config) -> Driven {
    Driven::new(config, Walk::new(config, constant(), MODEL).unwrap())
}

/// What [`walk`] sees with.
pub fn constant() -> Box<dyn Detector> {
    let candidate = |corners: [f32; 4], class, score| {
        let [x_min, y_min, x_max, y_max] = corners;
        Candidate {
            bbox: BBox::from_corners(x_min, y_min, x_max, y_max).unwrap(),
            class: ClassId(class),
            score,
            source: 0,
        }
    };
    // The picture lies 8 pixels below the tensor's upper edge.
    let candidates = [
        candidate([28.0, 20.0, 36.0, 50.0], 0, 0.9),
        candidate([40.0, 28.0, 46.0, 40.0], 2, 0.8),
        candidate([2.0, 26.0, 14.0, 44.0], 1, 0.7),
    ];
    let tensor = Size { width_px: 64, height_px: 64 };
    constant_detector(tensor, &Labels::new(["person", "car", "dog"], 0), &candidates).unwrap()
}

/// All results, in order.
#[derive(Default)]
pub struct Heard {
    pub messages: Vec<(Output, Stamp, Vec<u8>)>,
    pub wants_pictures: bool,
}

impl Heard {
    pub fn of(&self, output: Output) -> impl Iterator<Item = &[u8]> {
        self.messages.iter().filter(move |(of, ..)| *of == output).map(|(_, _, cdr)| cdr.as_slice())
    }

    /// All that is about pictures: events tell the parameters too, which may be others.
    pub fn results(&self) -> Vec<&(Output, Stamp, Vec<u8>)> {
        self.messages.iter().filter(|(output, ..)| *output != Output::Events).collect()
    }

    pub fn detections(&self) -> Vec<Detection2DArray> {
        self.of(Output::Detections).map(|cdr| decode_detections(cdr).unwrap()).collect()
    }

    pub fn plans(&self) -> Vec<PlanMessage> {
        self.of(Output::Plan).map(|cdr| decode_plan(cdr).unwrap()).collect()
    }

    pub fn proposals(&self) -> Vec<ProposalMessage> {
        self.of(Output::Proposal).map(|cdr| decode_proposal(cdr).unwrap()).collect()
    }
}

impl Outputs for Heard {
    fn put(&mut self, outlet: Outlet, stamp: Stamp, cdr: &[u8]) -> Result<(), OutputError> {
        self.messages.push((outlet.output, stamp, cdr.to_vec()));
        Ok(())
    }

    fn wants(&self, outlet: Outlet) -> bool {
        !outlet.output.is_on_demand() || self.wants_pictures
    }
}

/// Counts the results and forgets them, pictures included.
#[derive(Default)]
pub struct Discarded {
    pub messages: usize,
}

impl Outputs for Discarded {
    fn put(&mut self, _: Outlet, _: Stamp, cdr: &[u8]) -> Result<(), OutputError> {
        self.messages += usize::from(!cdr.is_empty());
        Ok(())
    }

    fn wants(&self, _: Outlet) -> bool {
        true
    }
}
