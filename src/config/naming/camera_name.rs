//! A camera's part of the names of its topics.

use std::fmt;

/// The name of one camera, as the parameter `cameras` has it; empty for a node's only camera, whose topics have no part of
/// it in their names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct CameraName(String);

impl CameraName {
    /// A camera of this name, which was checked where it was read.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name; empty for the only camera.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the program calls an input of this camera: `front/image` for `image`.
    pub fn input(&self, name: &str) -> String {
        if self.0.is_empty() { name.to_owned() } else { format!("{}/{name}", self.0) }
    }

    /// What the program calls an output about this camera: `~/front/detections` for `~/detections`.
    pub fn output(&self, name: &str) -> String {
        match name.strip_prefix("~/") {
            Some(rest) if !self.0.is_empty() => format!("~/{}/{rest}", self.0),
            _ => name.to_owned(),
        }
    }
}

/// `camera front`, or `the camera` where there is only one.
impl fmt::Display for CameraName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("the camera") } else { write!(f, "camera {}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_camera_has_topics_of_its_own_and_the_only_one_those_without_a_name() {
        let (only, front) = (CameraName::default(), CameraName::new("front"));
        assert_eq!((only.input("image"), only.output("~/detections")), ("image".to_owned(), "~/detections".to_owned()));
        assert_eq!(front.input("image/compressed"), "front/image/compressed");
        assert_eq!(front.output("~/detections"), "~/front/detections");
        assert_eq!((only.to_string(), front.to_string()), ("the camera".to_owned(), "camera front".to_owned()));
    }
}
