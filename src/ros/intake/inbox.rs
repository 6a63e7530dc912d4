//! The hand-over from the other threads to the lane: one slot for the newest picture, short queues for what is joined
//! with it, and orders, which come first.

use crate::pipeline::Transport;
use crate::ros::clock::steady_now;
use crate::ros::order::Order;
use crate::spatial::LinkKind;
use crate::types::Stamp;
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
    /// sensor_msgs/CameraInfo.
    pub camera_infos: VecDeque<Vec<u8>>,
    /// nav_msgs/Odometry.
    pub odoms: VecDeque<Vec<u8>>,
    /// tf2_msgs/TFMessage of what moves.
    pub tfs: VecDeque<Vec<u8>>,
    /// The same of what does not. It is told once, so it waits for a lane however long that takes.
    pub static_tfs: VecDeque<Vec<u8>>,
}

impl Side {
    fn is_empty(&self) -> bool {
        [&self.camera_infos, &self.odoms, &self.tfs, &self.static_tfs].iter().all(|queue| queue.is_empty())
    }

    /// What holds at all times.
    fn only_static(&mut self) -> Self {
        Self { static_tfs: std::mem::take(&mut self.static_tfs), ..Self::default() }
    }

    fn move_to(&mut self, other: &mut Side) {
        other.camera_infos.append(&mut self.camera_infos);
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
}

/// Newest wins: a picture replaces the one that still waits, so that the lane never works on an old one.
#[derive(Default)]
pub struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    orders: VecDeque<Order>,
    image: Option<Arrival>,
    side: Side,
    closed: bool,
}

impl Inbox {
    /// Puts a picture into the slot; gives back the one that it replaced.
    pub fn put_image(&self, arrival: Arrival) -> Option<Arrival> {
        let replaced = self.lock().image.replace(arrival);
        self.changed.notify_one();
        replaced
    }

    /// Queues a camera_info; the oldest goes when nobody takes them.
    pub fn put_camera_info(&self, cdr: Vec<u8>) {
        push_bounded(&mut self.lock().side.camera_infos, cdr, SIDE_CAPACITY);
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
        state.image = None;
        state.side = state.side.only_static();
    }

    /// Waits for an order or a picture, and moves what was queued until the picture came to `side`. `None` once closed.
    pub fn next(&self, side: &mut Side) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(order) = state.orders.pop_front() {
                return Some(Work::Order(order));
            }
            if let Some(arrival) = state.image.take() {
                state.side.move_to(side);
                return Some(Work::Image(arrival));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until more was queued, and moves it to `side`. `false` when `deadline` passed first or the inbox closed.
    pub fn more_side(&self, side: &mut Side, deadline: Instant) -> bool {
        let mut state = self.lock();
        loop {
            if state.closed {
                return false;
            }
            if !state.side.is_empty() {
                state.side.move_to(side);
                return true;
            }
            let left = deadline.saturating_duration_since(steady_now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
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
        Arrival { transport: Transport::Raw, cdr: vec![byte], taken: steady_now(), ros_time: None }
    }

    fn next_picture(inbox: &Inbox, side: &mut Side) -> Option<Vec<u8>> {
        match inbox.next(side)? {
            Work::Image(arrival) => Some(arrival.cdr),
            Work::Order(_) => panic!("an order"),
        }
    }

    #[test]
    fn an_order_comes_before_a_picture_and_wakes_the_lane() {
        let inbox = Inbox::default();
        inbox.put_image(picture(1));
        inbox.put_order(Order::Withdraw(7));
        assert!(matches!(inbox.next(&mut Side::default()), Some(Work::Order(Order::Withdraw(7)))));
        assert_eq!(next_picture(&inbox, &mut Side::default()).unwrap(), [1]);
    }

    #[test]
    fn closing_drops_orders_so_that_nobody_waits_for_a_reply() {
        let inbox = Inbox::default();
        inbox.put_order(Order::Withdraw(1));
        inbox.close();
        inbox.put_order(Order::Withdraw(2));
        assert!(inbox.lock().orders.is_empty() && inbox.next(&mut Side::default()).is_none());
    }

    #[test]
    fn a_new_lane_finds_nothing_of_what_the_one_before_it_left() {
        let inbox = Inbox::default();
        inbox.put_image(picture(1));
        inbox.put_camera_info(vec![1]);
        inbox.put_tf(LinkKind::Static, vec![7]);
        inbox.close();
        inbox.reopen();
        inbox.put_image(picture(2));
        inbox.put_camera_info(vec![2]);
        inbox.put_tf(LinkKind::Moving, vec![8]);
        inbox.forget();
        inbox.put_image(picture(3));
        let mut side = Side::default();
        assert_eq!(next_picture(&inbox, &mut side).unwrap(), [3]);
        assert_eq!(side.static_tfs, [vec![7]], "told once, and true for ever");
        side.static_tfs.clear();
        assert!(side.is_empty());
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
        inbox.put_camera_info(vec![1]);
        inbox.put_odom(vec![2]);
        inbox.put_camera_info(vec![3]);
        inbox.put_image(picture(0));
        let mut side = Side::default();
        next_picture(&inbox, &mut side).unwrap();
        assert_eq!((side.camera_infos, side.odoms), (vec![vec![1], vec![3]].into(), vec![vec![2]].into()));
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
                (first, inbox.next(&mut Side::default()).is_none())
            }
        });
        inbox.put_image(picture(7));
        while inbox.lock().image.is_some() {
            std::thread::yield_now();
        }
        inbox.close();
        assert_eq!(lane.join().unwrap(), (Some(vec![7]), true));
    }

    #[test]
    fn a_wait_for_camera_info_ends_with_it_or_at_its_deadline() {
        let inbox = Inbox::default();
        let mut side = Side::default();
        assert!(!inbox.more_side(&mut side, steady_now() + Duration::from_millis(5)));
        inbox.put_camera_info(vec![1]);
        assert!(inbox.more_side(&mut side, steady_now()));
        assert_eq!(side.camera_infos.len(), 1);
    }
}
