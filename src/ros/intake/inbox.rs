//! The hand-over from the other threads to the lane: one slot for the newest picture of each camera, short queues for what is joined
//! with it, and orders, which come first.

use crate::pipeline::Transport;
use crate::ros::clock::steady_now;
use crate::ros::order::Order;
use crate::spatial::LinkKind;
use crate::types::{CameraId, Stamp};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// camera_info and odometry kept for the next picture, each: seconds of the one, half a second of the other.
const SIDE_CAPACITY: usize = 128;
/// Messages of tf that are kept, moving and static ones each: a second of ten busy publishers.
const TF_CAPACITY: usize = 1024;

/// A picture as it came.
#[derive(Debug)]
pub struct Arrival {
    /// Whose it is.
    pub camera: CameraId,
    /// How it came.
    pub transport: Transport,
    /// sensor_msgs/Image or sensor_msgs/CompressedImage in CDR.
    pub cdr: Vec<u8>,
    /// When the spin thread had it, for the latency.
    pub taken: Instant,
    /// The same in ROS time; `None` while simulated time has not begun.
    pub ros_time: Option<Stamp>,
}

/// camera_info, odometry and tf that wait to be given to the walk, in CDR, in the order of arrival.
#[derive(Debug, Default)]
pub struct Side {
    /// sensor_msgs/CameraInfo, by camera.
    pub camera_infos: Vec<VecDeque<Vec<u8>>>,
    /// nav_msgs/Odometry.
    pub odoms: VecDeque<Vec<u8>>,
    /// tf2_msgs/TFMessage of what moves.
    pub tfs: VecDeque<Vec<u8>>,
    /// The same of what does not. It is told once, so it waits for a lane however long that takes.
    pub static_tfs: VecDeque<Vec<u8>>,
}

impl Side {
    /// Whether there is something for which a picture may have waited.
    fn has_awaited(&self) -> bool {
        self.camera_infos.iter().chain([&self.tfs, &self.static_tfs]).any(|queue| !queue.is_empty())
    }

    /// What holds at all times.
    fn only_static(&mut self) -> Self {
        Self { static_tfs: std::mem::take(&mut self.static_tfs), ..Self::default() }
    }

    fn move_to(&mut self, other: &mut Side) {
        other.camera_infos.resize_with(other.camera_infos.len().max(self.camera_infos.len()), VecDeque::new);
        for (theirs, ours) in other.camera_infos.iter_mut().zip(&mut self.camera_infos) {
            theirs.append(ours);
        }
        other.odoms.append(&mut self.odoms);
        other.tfs.append(&mut self.tfs);
        other.static_tfs.append(&mut self.static_tfs);
    }
}

/// What the lane does next.
pub enum Work {
    /// Something between two frames.
    Order(Order),
    /// A frame.
    Image(Arrival),
    /// More has come for the pictures that wait.
    Side,
    /// The time has come to which one of them waits.
    Late,
}

/// Newest wins: a picture replaces the one of its camera that still waits, so that the lane never works on an old one. Of the
/// cameras that have one the one that has waited longest has its turn, so that none holds the others.
#[derive(Default)]
pub struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    orders: VecDeque<Order>,
    /// By camera.
    images: Vec<Option<Arrival>>,
    side: Side,
    closed: bool,
}

impl Inbox {
    /// Puts a picture into the slot; gives back the one that it replaced.
    pub fn put_image(&self, arrival: Arrival) -> Option<Arrival> {
        let mut state = self.lock();
        let at = arrival.camera.0;
        let count = state.images.len().max(at + 1);
        state.images.resize_with(count, || None);
        let replaced = state.images[at].replace(arrival);
        self.changed.notify_one();
        replaced
    }

    /// Queues a camera_info; the oldest goes when nobody takes them.
    pub fn put_camera_info(&self, camera: CameraId, cdr: Vec<u8>) {
        let queues = &mut self.lock().side.camera_infos;
        queues.resize_with(queues.len().max(camera.0 + 1), VecDeque::new);
        push_bounded(&mut queues[camera.0], cdr, SIDE_CAPACITY);
        self.changed.notify_one();
    }

    /// Queues odometry; the oldest goes when nobody takes it. Does not wake the lane: no picture waits for it.
    pub fn put_odom(&self, cdr: Vec<u8>) {
        push_bounded(&mut self.lock().side.odoms, cdr, SIDE_CAPACITY);
    }

    /// Queues transforms; the oldest go when nobody takes them. A picture may wait for them.
    pub fn put_tf(&self, kind: LinkKind, cdr: Vec<u8>) {
        let side = &mut self.lock().side;
        let queue = if kind == LinkKind::Static { &mut side.static_tfs } else { &mut side.tfs };
        push_bounded(queue, cdr, TF_CAPACITY);
        self.changed.notify_one();
    }

    /// Queues an order, and wakes the lane. Once closed it is dropped, and with it whoever waits for its reply.
    pub fn put_order(&self, order: Order) {
        let mut state = self.lock();
        if !state.closed {
            state.orders.push_back(order);
            self.changed.notify_one();
        }
    }

    /// Ends the lane after the picture that it is working on. Orders that wait are dropped.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.orders.clear();
        self.changed.notify_all();
    }

    /// Serves the next lane, once the one before it has ended.
    pub fn reopen(&self) {
        let mut state = self.lock();
        let side = state.side.only_static();
        *state = State { side, ..State::default() };
    }

    /// Forgets what has come and was not taken.
    pub fn forget(&self) {
        let mut state = self.lock();
        state.images.clear();
        state.side = state.side.only_static();
    }

    /// Waits for the next thing to do, and moves what was queued until then to `side`. `waits` tells of which cameras a
    /// picture waits already, for what may come until `until`: no other one of theirs is given before that. `None` once
    /// closed.
    pub fn next(&self, side: &mut Side, waits: impl Fn(CameraId) -> bool, until: Option<Instant>) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(order) = state.orders.pop_front() {
                return Some(Work::Order(order));
            }
            if until.is_some() && state.side.has_awaited() {
                state.side.move_to(side);
                return Some(Work::Side);
            }
            let left = until.map(|until| until.saturating_duration_since(steady_now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Some(Work::Late);
            }
            let of_others = state.images.iter_mut().filter(|image| image.as_ref().is_some_and(|of| !waits(of.camera)));
            let first = of_others.min_by_key(|image| image.as_ref().map(|image| image.taken));
            if let Some(arrival) = first.and_then(Option::take) {
                state.side.move_to(side);
                return Some(Work::Image(arrival));
            }
            state = match left {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// A poisoned lock only means that the other thread ended in a panic, which the spin thread reports itself.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push_bounded(queue: &mut VecDeque<Vec<u8>>, cdr: Vec<u8>, capacity: usize) {
    if queue.len() == capacity {
        queue.pop_front();
    }
    queue.push_back(cdr);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    fn picture(byte: u8) -> Arrival {
        of(CameraId(0), byte)
    }

    fn of(camera: CameraId, byte: u8) -> Arrival {
        Arrival { camera, transport: Transport::Raw, cdr: vec![byte], taken: steady_now(), ros_time: None }
    }

    fn next(inbox: &Inbox, side: &mut Side) -> Option<Work> {
        inbox.next(side, |_| false, None)
    }

    fn next_picture(inbox: &Inbox, side: &mut Side) -> Option<Vec<u8>> {
        match next(inbox, side)? {
            Work::Image(arrival) => Some(arrival.cdr),
            _ => panic!("no picture"),
        }
    }

    #[test]
    fn an_order_comes_before_a_picture_and_wakes_the_lane() {
        let inbox = Inbox::default();
        inbox.put_image(picture(1));
        inbox.put_order(Order::Withdraw(7));
        assert!(matches!(next(&inbox, &mut Side::default()), Some(Work::Order(Order::Withdraw(7)))));
        assert_eq!(next_picture(&inbox, &mut Side::default()).unwrap(), [1]);
    }

    #[test]
    fn closing_drops_orders_so_that_nobody_waits_for_a_reply() {
        let inbox = Inbox::default();
        inbox.put_order(Order::Withdraw(1));
        inbox.close();
        inbox.put_order(Order::Withdraw(2));
        assert!(inbox.lock().orders.is_empty() && next(&inbox, &mut Side::default()).is_none());
    }

    #[test]
    fn a_new_lane_finds_nothing_of_what_the_one_before_it_left() {
        let inbox = Inbox::default();
        inbox.put_image(picture(1));
        inbox.put_camera_info(CameraId(0), vec![1]);
        inbox.put_tf(LinkKind::Static, vec![7]);
        inbox.close();
        inbox.reopen();
        inbox.put_image(picture(2));
        inbox.put_camera_info(CameraId(0), vec![2]);
        inbox.put_tf(LinkKind::Moving, vec![8]);
        inbox.forget();
        inbox.put_image(picture(3));
        let mut side = Side::default();
        assert_eq!(next_picture(&inbox, &mut side).unwrap(), [3]);
        assert_eq!(side.static_tfs, [vec![7]], "told once, and true for ever");
        side.static_tfs.clear();
        assert!(!side.has_awaited() && side.odoms.is_empty());
    }

    #[test]
    fn the_newest_picture_replaces_the_one_that_waits() {
        let inbox = Inbox::default();
        assert!(inbox.put_image(picture(1)).is_none());
        assert_eq!(inbox.put_image(picture(2)).unwrap().cdr, [1]);
        assert_eq!(next_picture(&inbox, &mut Side::default()).unwrap(), [2]);
    }

    #[test]
    fn what_came_before_a_picture_is_handed_over_with_it_in_order() {
        let inbox = Inbox::default();
        inbox.put_camera_info(CameraId(0), vec![1]);
        inbox.put_odom(vec![2]);
        inbox.put_camera_info(CameraId(0), vec![3]);
        inbox.put_image(picture(0));
        let mut side = Side::default();
        next_picture(&inbox, &mut side).unwrap();
        assert_eq!((&side.camera_infos[0], side.odoms), (&vec![vec![1], vec![3]].into(), vec![vec![2]].into()));
    }

    #[test]
    fn queues_keep_the_newest_and_are_bounded() {
        let inbox = Inbox::default();
        for byte in 0..=200 {
            inbox.put_odom(vec![byte]);
        }
        inbox.put_image(picture(0));
        let mut side = Side::default();
        next_picture(&inbox, &mut side).unwrap();
        assert_eq!(side.odoms.len(), SIDE_CAPACITY);
        assert_eq!(side.odoms.back().unwrap(), &[200]);
    }

    #[test]
    fn a_picture_wakes_the_lane_and_closing_ends_it() {
        let inbox = Arc::new(Inbox::default());
        let lane = std::thread::spawn({
            let inbox = Arc::clone(&inbox);
            move || {
                let first = next_picture(&inbox, &mut Side::default());
                (first, next(&inbox, &mut Side::default()).is_none())
            }
        });
        inbox.put_image(picture(7));
        while inbox.lock().images[0].is_some() {
            std::thread::yield_now();
        }
        inbox.close();
        assert_eq!(lane.join().unwrap(), (Some(vec![7]), true));
    }

    #[test]
    fn a_wait_for_camera_info_ends_with_it_or_at_its_deadline() {
        let inbox = Inbox::default();
        let mut side = Side::default();
        let mut next = |wait_ms| inbox.next(&mut side, |_| true, Some(steady_now() + Duration::from_millis(wait_ms)));
        assert!(matches!(next(5), Some(Work::Late)));
        inbox.put_odom(vec![2]);
        inbox.put_image(picture(1));
        assert!(matches!(next(5), Some(Work::Late)), "nobody waits for odometry, and the camera's next picture waits");
        inbox.put_camera_info(CameraId(0), vec![1]);
        assert!(matches!(next(1000), Some(Work::Side)));
        assert_eq!((side.camera_infos[0].len(), side.odoms.len()), (1, 1));
    }

    #[test]
    fn the_camera_that_has_waited_longest_has_its_turn_and_none_waits_for_another() {
        let inbox = Inbox::default();
        let (front, rear) = (CameraId(0), CameraId(1));
        inbox.put_image(of(rear, 1));
        inbox.put_image(of(front, 2));
        let mut side = Side::default();
        assert_eq!(next_picture(&inbox, &mut side).unwrap(), [1]);
        assert!(inbox.put_image(of(rear, 3)).is_none(), "it replaces none of another camera");
        assert_eq!(next_picture(&inbox, &mut side).unwrap(), [2]);
        inbox.put_image(of(front, 4));
        let until = Some(steady_now() + Duration::from_secs(5));
        let Some(Work::Image(arrival)) = inbox.next(&mut side, |camera| camera == rear, until) else { panic!() };
        assert_eq!(arrival.cdr, [4], "the one of the rear waits for its camera_info");
        assert_eq!(next_picture(&inbox, &mut side).unwrap(), [3]);
    }
}
