//! What the diagnostics say of one camera's pictures: what came, what was lost and why, how old the answers are.

use super::health::{FrameCounts, Window};
use super::section::Section;
use crate::config::CameraName;
use crate::pipeline::Input;
use crate::wire::diagnostic_msgs::Level;
use std::time::{Duration, Instant};

/// Where to look when pictures are missing between stamps.
const GAPS_HINT: &str = "pictures are missing between stamps: the camera skips them, or DDS loses them; is the Fast DDS \
                         profile with the large shared-memory segment (config/fastdds.xml) set where they are sent?";

/// What has become of a camera's pictures; rates and losses are those of the last `elapsed`, which `before` lies behind.
pub(super) fn frames(
    camera: &CameraName,
    before: &FrameCounts,
    counts: &FrameCounts,
    elapsed: Duration,
    now: Instant,
) -> Section {
    let seconds = elapsed.as_secs_f64().max(1e-3);
    let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
    let (rate_in, rate_out) = (rate(counts.received, before.received), rate(counts.processed, before.processed));

    let mut section = Section::new(if camera.as_str().is_empty() {
        "frames".to_owned()
    } else {
        format!("frames {}", camera.as_str())
    });
    section.message = format!("{rate_in:.1} Hz in, {rate_out:.1} Hz out");
    let lost: Vec<String> =
        counts.faults_since(before).map(|(input, cause, count)| format!("{input} {cause} {count}")).collect();
    if !lost.is_empty() {
        section.raise(Level::Warn, format!("lost since the last report: {}", lost.join(", ")));
    }
    if let Some(since) = counts.silent_since {
        let silent_s = now.saturating_duration_since(since).as_secs_f64();
        section.raise(Level::Error, format!("no image for {silent_s:.1} s"));
        section.value("silent_for_s", format!("{silent_s:.1}"));
    }
    if let Some(blind) = counts.last_blind
        && counts.blind != before.blind
    {
        section.raise(Level::Warn, format!("the camera shows nothing: {blind}"));
    }
    if counts.missing > before.missing {
        section.raise(Level::Warn, GAPS_HINT);
    }
    if let Some(misfit) = counts.misfit {
        section.raise(Level::Warn, misfit.to_string());
    }
    let lost_for_tf = |counts: &FrameCounts| counts.dropped.get(&(Input::Image.name(), "no_transform")).copied();
    if lost_for_tf(counts) != lost_for_tf(before) {
        section.raise(Level::Warn, counts.no_transform.clone());
    }
    if let Some(is_by_tf) = counts.is_placed_by_tf {
        section.value("mounting", if is_by_tf { "tf" } else { "parameters" });
    }
    section.value("received", counts.received);
    section.value("processed", counts.processed);
    section.value("rate_in_hz", format!("{rate_in:.2}"));
    section.value("rate_out_hz", format!("{rate_out:.2}"));
    for ((input, cause), count) in &counts.dropped {
        section.value(format!("dropped {input} {cause}"), count);
    }
    for (cause, count) in &counts.passed_over {
        section.value(format!("passed over {cause}"), count);
    }
    for (cause, count) in &counts.blind {
        section.value(format!("blind {cause}"), count);
    }
    section.value("processed without camera_info", counts.without_camera_info);
    section.value("missing between stamps", counts.missing);
    percentiles(&mut section, "age_ms", &counts.age_ms);
    percentiles(&mut section, "latency_ms", &counts.latency_ms);
    section
}

fn percentiles(section: &mut Section, name: &str, window: &Window) {
    if let Some(values) = window.percentiles() {
        for (percentile, value) in ["p50", "p95", "p99"].into_iter().zip(values) {
            section.value(format!("{name} {percentile}"), format!("{value:.2}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Misfit;
    use crate::ros::clock::steady_now;
    use crate::ros::report::health::{Counts, SUPERSEDED};
    use crate::types::{CameraId, Size};

    /// The section of the only camera, two seconds after `before`.
    fn told(before: &FrameCounts, counts: &FrameCounts) -> Section {
        frames(&CameraName::default(), before, counts, Duration::from_secs(2), steady_now())
    }

    #[test]
    fn a_camera_that_is_silent_is_an_error_in_its_own_section() {
        let at = steady_now();
        let counts = FrameCounts { silent_since: Some(at), ..FrameCounts::default() };
        let (elapsed, now) = (Duration::from_secs(2), at + Duration::from_millis(1300));
        let section = frames(&CameraName::new("rear"), &counts, &counts, elapsed, now);
        assert_eq!((section.topic.as_str(), section.level), ("frames rear", Level::Error));
        assert_eq!(section.message, "0.0 Hz in, 0.0 Hz out; no image for 1.3 s");
    }

    #[test]
    fn losses_warn_once_and_stay_counted() {
        let mut counts = Counts::default();
        *counts.of(CameraId(0)) = FrameCounts { received: 60, processed: 58, ..FrameCounts::default() };
        counts.drop_message(CameraId(0), Input::Image, SUPERSEDED);
        counts.drop_message(CameraId(0), Input::Image, "too_old");
        let counts = counts.frames[0].clone();
        let section = told(&FrameCounts::default(), &counts);
        assert_eq!(section.level, Level::Warn);
        assert_eq!(section.message, "30.0 Hz in, 29.0 Hz out; lost since the last report: image too_old 1");
        assert_eq!(section.get("dropped image superseded"), Some("1"));

        let later = told(&counts, &counts);
        assert_eq!((later.level, later.get("dropped image too_old")), (Level::Ok, Some("1")));
    }

    #[test]
    fn a_camera_info_of_another_size_warns_with_both_sizes_for_as_long_as_it_is() {
        let size = |width_px, height_px| Size { width_px, height_px };
        let misfit = |image, is_scaled| Some(Misfit { camera: size(1280, 960), image, is_scaled });
        let mut counts = FrameCounts { misfit: misfit(size(640, 480), true), ..FrameCounts::default() };
        let told = |counts: &FrameCounts| told(counts, counts);
        let section = told(&counts);
        assert_eq!(section.level, Level::Warn);
        assert!(section.message.ends_with("camera_info is for 1280x960 px, images have 640x480: it is scaled to them"));
        counts.misfit = misfit(size(640, 400), false);
        assert!(told(&counts).message.contains("images have 640x400: the aspect is another one, it is left out"));
        counts.misfit = None;
        assert_eq!(told(&counts).level, Level::Ok);
    }

    #[test]
    fn gaps_between_stamps_name_the_dds_profile() {
        let counts = FrameCounts { missing: 3, ..FrameCounts::default() };
        let section = told(&FrameCounts::default(), &counts);
        assert!(section.level == Level::Warn && section.message.contains("config/fastdds.xml"));
    }
}
