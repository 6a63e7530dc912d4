//! Which cameras have sent nothing for too long: named once when it begins, and once when it is over.

use crate::config::{CameraName, Config};
use std::time::{Duration, Instant};

/// Watches the cameras of a node, from its activation on.
#[derive(Debug)]
pub struct Silences(Vec<Camera>);

#[derive(Debug)]
struct Camera {
    name: CameraName,
    deadline: Duration,
    /// When its last picture came; before the first one, the start.
    last: Instant,
    has_come: bool,
    is_silent: bool,
}

/// What has changed of a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// Nothing has come of it for longer than its deadline, since then.
    Begins {
        /// Its last picture, or the start.
        since: Instant,
        /// In words.
        words: String,
    },
    /// A picture has come again, or a longer silence is allowed.
    Ends {
        /// In words.
        words: String,
    },
}

impl Silences {
    /// All cameras begin now.
    pub fn new(config: &Config, now: Instant) -> Self {
        let camera = |name: CameraName| {
            let deadline = deadline(config, &name);
            Camera { name, deadline, last: now, has_come: false, is_silent: false }
        };
        Self(config.camera_names().into_iter().map(camera).collect())
    }

    /// Other deadlines hold from now on.
    pub fn change(&mut self, config: &Config) {
        for camera in &mut self.0 {
            camera.deadline = deadline(config, &camera.name);
        }
    }

    /// A picture of the camera with this number has come.
    pub fn came(&mut self, camera: usize, now: Instant) {
        if let Some(camera) = self.0.get_mut(camera) {
            (camera.last, camera.has_come) = (now, true);
        }
    }

    /// Calls `tell` with the number of each camera of which something is new.
    pub fn look(&mut self, now: Instant, mut tell: impl FnMut(usize, Silence)) {
        for (at, camera) in self.0.iter_mut().enumerate() {
            let silent = now.saturating_duration_since(camera.last);
            let is_silent = silent > camera.deadline;
            if is_silent == camera.is_silent {
                continue;
            }
            camera.is_silent = is_silent;
            let (name, deadline_ms) = (&camera.name, camera.deadline.as_millis());
            tell(
                at,
                if is_silent {
                    let no = if camera.has_come { "no image" } else { "no image yet" };
                    let (since, silent_ms) = (camera.last, silent.as_millis());
                    let words = format!(
                        "{name} is silent: {no} for {silent_ms} ms, {deadline_ms} are allowed (camera_deadline_ms)"
                    );
                    Silence::Begins { since, words }
                } else {
                    Silence::Ends { words: format!("{name} is there again") }
                },
            );
        }
    }
}

/// The parameter `camera_deadline_ms`, which is `max_age_ms` where it is 0.
fn deadline(config: &Config, camera: &CameraName) -> Duration {
    let own = config.of_camera(camera);
    let ms = if own.camera_deadline_ms == 0 { own.max_age_ms } else { own.camera_deadline_ms };
    Duration::from_millis(ms.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ros::clock::steady_now;

    #[test]
    fn a_camera_that_stops_is_named_once_and_so_is_its_return() {
        let config = Config { cameras: vec!["front".to_owned(), "rear".to_owned()], ..Config::default() };
        let start = steady_now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut silences = Silences::new(&config, start);
        let mut told = |ms: u64, came: &[usize]| {
            let mut words = Vec::new();
            came.iter().for_each(|camera| silences.came(*camera, at(ms)));
            silences.look(at(ms), |camera, silence| match silence {
                Silence::Begins { words: why, .. } | Silence::Ends { words: why } => words.push((camera, why)),
            });
            words
        };
        let words = |camera, why: &str| vec![(camera, why.to_owned())];
        assert_eq!(told(400, &[0]), []);
        let silent = "camera rear is silent: no image yet for 501 ms, 500 are allowed (camera_deadline_ms)";
        assert_eq!(told(501, &[]), words(1, silent));
        assert_eq!(told(900, &[]), []);
        let silent = "camera front is silent: no image for 501 ms, 500 are allowed (camera_deadline_ms)";
        assert_eq!(told(901, &[]), words(0, silent));
        assert_eq!(told(2000, &[1]), words(1, "camera rear is there again"));
    }
}
