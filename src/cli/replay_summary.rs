//! What a replay says at its end.

use super::pictures::Pictures;
use anyhow::Result;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use vedette::replay::{ReplayReport, ReplayTopics, TakenTopic};

/// All that it is made of.
pub struct Summary<'a> {
    pub report: &'a ReplayReport,
    pub topics: &'a ReplayTopics,
    pub taken: &'a [TakenTopic],
    pub proof: &'a str,
    pub results: Option<&'a Path>,
    pub took: Duration,
    pub interrupted: bool,
}

impl Summary<'_> {
    /// One JSON document, or lines for a person.
    pub fn print(&self, as_json: bool, pictures: Option<&Pictures>) -> Result<()> {
        let Self { report, topics, taken, proof, results, took, interrupted } = self;
        let frames_per_s = report.processed as f64 / took.as_secs_f64().max(1e-9);
        let span_s = report.span.map_or(0.0, |(first, last)| last.seconds_since(first));
        if as_json {
            let reasons = report.reasons.kinds().iter();
            let reasons: Vec<_> =
                reasons.map(|kind| json!({ "lost": kind.cause, "count": kind.count, "told": kind.told })).collect();
            let taken: Vec<_> = taken
                .iter()
                .map(|taken| {
                    let topic = taken.topic.as_ref();
                    json!({
                        "input": taken.input,
                        "topic": topic.map(|topic| &topic.name),
                        "type": topic.map(|topic| &topic.type_name),
                        "messages": topic.and_then(|topic| topic.messages),
                        "why": taken.why,
                    })
                })
                .collect();
            // The first camera's under the names that those of an only one have.
            let first = topics.cameras.first();
            let cameras = topics.cameras.iter();
            let cameras: Vec<_> =
                cameras.map(|camera| json!({ "image": camera.image, "camera_info": camera.camera_info })).collect();
            let summary = json!({
                "interrupted": interrupted,
                "images": report.images,
                "processed": report.processed,
                "lost": report.lost,
                "reasons": reasons,
                "passed_over": report.passed_over,
                "blind": report.blind,
                "remarks": report.remarks,
                "source_losses": report.source_losses,
                "detections": report.detections,
                "decisions": report.decisions,
                "proposals": report.proposals,
                "first_stamp_ns": report.span.map(|(first, _)| first.as_ns()),
                "last_stamp_ns": report.span.map(|(_, last)| last.as_ns()),
                "topics": { "image": first.map(|camera| &camera.image), "camera_info": first.map(|camera| &camera.camera_info), "cameras": cameras, "odom": topics.odom, "tf": topics.tf, "tf_static": topics.tf_static, "proposal": topics.proposal, "events": topics.events },
                "taken": taken,
                "proof": proof,
                "results": results,
                "pictures": pictures.map(Pictures::written),
                "seconds": took.as_secs_f64(),
                "frames_per_s": frames_per_s,
            });
            say!("{}", serde_json::to_string(&summary)?);
            return Ok(());
        }
        if *interrupted {
            say!("interrupted by a signal, what follows goes as far as the replay went");
        }
        say!("images      {} of {} processed, {span_s:.1} s of footage", report.processed, report.images);
        say!("speed       {frames_per_s:.1} frames/s, {:.1} s", took.as_secs_f64());
        say!("provider    {proof}");
        say!("detections  {}", report.detections);
        let decisions: Vec<String> =
            report.decisions.iter().map(|(decision, frames)| format!("{decision} {frames}")).collect();
        say!("decisions   {}", decisions.join(", "));
        if !report.proposals.is_empty() {
            let proposals: Vec<String> =
                report.proposals.iter().map(|(status, answers)| format!("{status} {answers}")).collect();
            say!("proposals   {}", proposals.join(", "));
        }
        for (cause, count) in &report.passed_over {
            say!("passed over {count} x {cause}");
        }
        for (cause, count) in &report.lost {
            say!("lost        {count} x {cause}");
            for kind in report.reasons.kinds().iter().filter(|kind| kind.cause == *cause) {
                say!("            {kind}");
            }
        }
        for (cause, count) in &report.blind {
            say!("blind       {count} x {cause}");
        }
        for loss in &report.source_losses {
            say!("lost        {loss}");
        }
        for remark in &report.remarks {
            say!("note        {remark}");
        }
        if let Some(pictures) = pictures {
            say!("pictures    {}", pictures.written());
        }
        if let Some(results) = results {
            say!("results     {}", results.display());
        }
        Ok(())
    }
}
