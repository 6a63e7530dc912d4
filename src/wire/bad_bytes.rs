//! Tests: what no decoder may do, whatever the bytes.

use super::{nav_msgs, peek_stamp, rosgraph_msgs, sensor_msgs, tf2_msgs, vedette_msgs, vision_msgs};
use crate::types::Pose2;
use crate::wire::WireError;
use proptest::prelude::*;

/// A decoder, reduced to the bytes of heap that its value holds.
type Decode = fn(&[u8]) -> Result<usize, WireError>;

const IMAGE: Decode = |cdr| sensor_msgs::decode_image(cdr).map(|_| 0);
const CAMERA_INFO: Decode = |cdr| sensor_msgs::decode_camera_info(cdr).map(|_| 0);
const ODOMETRY: Decode = |cdr| nav_msgs::decode_odometry(cdr).map(|_| 0);
/// A transform whose numbers are none is none, and no damage of the message.
const TF: Decode = |cdr| {
    let refused = |read: &Result<tf2_msgs::TransformRef<'_>, WireError>| !matches!(read, Err(WireError::Value { .. }));
    tf2_msgs::decode_tf_message(cdr)?.filter(refused).try_for_each(|read| read.map(drop)).map(|()| 0)
};
const CLOCK: Decode = |cdr| rosgraph_msgs::decode_clock(cdr).map(|_| 0);
const STAMP: Decode = |cdr| peek_stamp(cdr).map(|_| 0);
const PATH: Decode = |cdr| nav_msgs::decode_path(cdr).map(|path| heap(path.value()));
const DETECTIONS: Decode = |cdr| {
    let array = vision_msgs::decode_detections(cdr)?;
    let parts = array.detections.iter().map(|detection| {
        let names: usize = detection.results.iter().map(|result| result.class_id.capacity()).sum();
        heap(&detection.results) + names + detection.id.capacity() + detection.header.frame_id.as_str().len()
    });
    Ok(heap(&array.detections) + parts.sum::<usize>())
};
const LABEL_INFO: Decode = |cdr| {
    let info = vision_msgs::decode_label_info(cdr)?;
    Ok(heap(&info.class_map) + info.class_map.iter().map(|class| class.class_name.capacity()).sum::<usize>())
};
const PLAN: Decode = |cdr| {
    let plan = vedette_msgs::decode_plan(cdr)?;
    let words: usize = plan.steps.iter().map(|step| step.class_id.capacity() + step.reason.capacity()).sum();
    Ok(heap(&plan.steps) + words + heap::<Pose2>(&plan.path) + plan.model.capacity() + plan.verdict.capacity())
};
const PROPOSAL: Decode = |cdr| {
    let proposal = vedette_msgs::decode_proposal(cdr)?;
    let words: usize = proposal.steps.iter().map(|step| step.class_id.capacity() + step.reason.capacity()).sum();
    let texts = [&proposal.verdict, &proposal.reason, &proposal.model, &proposal.text];
    Ok(heap(&proposal.steps) + words + texts.iter().map(|text| text.capacity()).sum::<usize>())
};

fn heap<T>(values: &Vec<T>) -> usize {
    values.capacity() * size_of::<T>()
}

macro_rules! messages {
    ($($decode:ident $file:literal),+ $(,)?) => {
        [$(($decode, include_bytes!(concat!("../../tests/data/cdr/", $file)))),+]
    };
}

/// Every decoder with whole messages of its type.
static MESSAGES: &[(Decode, &[u8])] = &messages![
    IMAGE "image.le.cdr", IMAGE "image.be.cdr",
    CAMERA_INFO "camera_info.le.cdr", CAMERA_INFO "camera_info.be.cdr",
    ODOMETRY "odometry.le.cdr", ODOMETRY "odometry.be.cdr",
    TF "tf.le.cdr", TF "tf.be.cdr",
    CLOCK "clock.le.cdr", CLOCK "clock.be.cdr", STAMP "clock.le.cdr",
    PATH "path.le.cdr", PATH "path.be.cdr",
    DETECTIONS "detections.le.cdr", DETECTIONS "detections.be.cdr",
    LABEL_INFO "label_info.le.cdr", LABEL_INFO "label_info.be.cdr",
    PLAN "plan.le.cdr", PLAN "plan.be.cdr",
    PROPOSAL "proposal.le.cdr", PROPOSAL "proposal.be.cdr", PROPOSAL "proposal_truncated.le.cdr",
];

/// The values hold no more than this many times the message: the widest element for its bytes is a VisionClass.
const HEAP_PER_BYTE: usize = 8;

#[test]
fn a_message_cut_anywhere_is_an_error() {
    for (index, (decode, cdr)) in MESSAGES.iter().enumerate() {
        assert!(decode(cdr).is_ok(), "message {index}");
        for end in 0..cdr.len() {
            assert!(decode(&cdr[..end]).is_err(), "message {index} cut to {end} bytes");
        }
    }
}

#[test]
fn bytes_behind_the_end_are_ignored() {
    for (decode, cdr) in MESSAGES {
        assert!(decode(&[cdr, &[0xff; 7][..]].concat()).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_decode_or_are_refused(
        big_endian in any::<bool>(), body in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let cdr = [&[0, u8::from(!big_endian), 0, 0], &body[..]].concat();
        for (decode, _) in MESSAGES {
            if let Ok(heap) = decode(&cdr) {
                prop_assert!(heap <= HEAP_PER_BYTE * cdr.len());
            }
        }
    }

    #[test]
    fn a_damaged_message_decodes_or_is_refused(
        message in 0..MESSAGES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (decode, cdr) = MESSAGES[message];
        let mut cdr = cdr.to_vec();
        for (at, byte) in damage {
            let at = at.index(cdr.len());
            cdr[at] = byte;
        }
        if let Ok(heap) = decode(&cdr) {
            prop_assert!(heap <= HEAP_PER_BYTE * cdr.len());
        }
    }

    #[test]
    fn a_count_that_lies_decodes_or_is_refused(
        message in 0..MESSAGES.len(), at in any::<prop::sample::Index>(), count in any::<u32>(), small in 0u32..300,
    ) {
        let (decode, cdr) = MESSAGES[message];
        for lie in [count, small, u32::MAX] {
            let mut cdr = cdr.to_vec();
            let at = (at.index(cdr.len() - 4)) & !3;
            let bytes = if cdr[1] == 0 { lie.to_be_bytes() } else { lie.to_le_bytes() };
            cdr[at..at + 4].copy_from_slice(&bytes);
            if let Ok(heap) = decode(&cdr) {
                prop_assert!(heap <= HEAP_PER_BYTE * cdr.len());
            }
        }
    }
}
