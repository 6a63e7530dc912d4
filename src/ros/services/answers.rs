//! Answers to requests, on their way out at a pace that clients keep up with.
//!
//! A client's reader keeps ten answers, the default of ROS for services, and those of all clients of one service come to
//! each of them: a burst of answers is lost at the other end, where nobody can tell. So each service lets a few out at once
//! and the others one by one. Who asks and waits before asking again never notices.

use crate::ros::clock::steady_now;
use crate::ros::shared::Ending;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, sleep_until};

/// Between two answers of one service, on average.
const PERIOD: Duration = Duration::from_millis(4);
/// So many may leave at once: less than half of what a client's reader keeps.
const BURST: u32 = 4;
/// More than these do not wait: the oldest leaves ahead of its time.
const MAX_WAITING: usize = 4096;
/// How long what is left at the end keeps a pace, a quicker one.
const FAREWELL: Duration = Duration::from_millis(100);
const FAREWELL_PERIOD: Duration = Duration::from_millis(1);

type Leave = Box<dyn FnOnce() + Send>;

/// Lets them out. One task.
pub struct Answers {
    incoming: UnboundedReceiver<(usize, Leave)>,
    /// By the number of the service.
    services: Vec<Leaving>,
}

/// Where the answers of one service are left.
#[derive(Clone)]
pub struct Outbox {
    service: usize,
    answers: UnboundedSender<(usize, Leave)>,
}

/// The answers of one service.
#[derive(Default)]
struct Leaving {
    waiting: VecDeque<Leave>,
    pace: Pace,
}

/// One each [`PERIOD`], and [`BURST`] at once after a while without any.
#[derive(Debug, Default)]
struct Pace {
    /// When the next one would be due if none had waited less than the period.
    next: Option<Instant>,
}

impl Answers {
    /// The task, and where the answers of the first service are left.
    pub fn new() -> (Self, Outbox) {
        let (answers, incoming) = unbounded_channel();
        (Self { incoming, services: Vec::new() }, Outbox { service: 0, answers })
    }

    /// Works until it is told that no more answers come; those that are there then still leave.
    pub async fn run(mut self, mut closing: Ending) {
        loop {
            let due = self.services.iter().filter_map(Leaving::due).min();
            tokio::select! {
                Some((service, answer)) = self.incoming.recv() => self.put(service, answer),
                () = sleep_until(due.unwrap_or_else(steady_now).into()), if due.is_some() => {}
                () = closing.comes() => break,
            }
            let now = steady_now();
            self.services.iter_mut().for_each(|service| service.leave(now));
        }
        while let Ok((service, answer)) = self.incoming.try_recv() {
            self.put(service, answer);
        }
        let until = steady_now() + FAREWELL;
        // One of each service in turn.
        while self.services.iter_mut().filter_map(Leaving::leave_one).count() > 0 {
            if steady_now() < until {
                sleep(FAREWELL_PERIOD).await;
            }
        }
    }

    fn put(&mut self, service: usize, answer: Leave) {
        if self.services.len() <= service {
            self.services.resize_with(service + 1, Leaving::default);
        }
        self.services[service].waiting.push_back(answer);
    }
}

impl Outbox {
    /// For the answers of the service with this number.
    pub fn of(&self, service: usize) -> Self {
        Self { service, answers: self.answers.clone() }
    }

    /// Leaves an answer, which is a call that sends it.
    pub fn put(&self, answer: impl FnOnce() + Send + 'static) {
        // Once nobody lets them out the node is gone, and with it the way to the client.
        let _ = self.answers.send((self.service, Box::new(answer)));
    }
}

impl Leaving {
    /// When the next one leaves, if one waits.
    fn due(&self) -> Option<Instant> {
        let is_waiting = !self.waiting.is_empty();
        is_waiting.then(|| self.pace.due().filter(|_| self.waiting.len() <= MAX_WAITING).unwrap_or_else(steady_now))
    }

    fn leave(&mut self, now: Instant) {
        while self.waiting.len() > MAX_WAITING || self.pace.due().is_none_or(|due| due <= now) {
            let Some(()) = self.leave_one() else { return };
            self.pace.took(now);
        }
    }

    /// `None` where there is none.
    fn leave_one(&mut self) -> Option<()> {
        self.waiting.pop_front().map(|answer| answer())
    }
}

impl Pace {
    /// `None`: at any time.
    fn due(&self) -> Option<Instant> {
        self.next.map(|next| next.checked_sub(PERIOD * (BURST - 1)).unwrap_or(next))
    }

    fn took(&mut self, now: Instant) {
        self.next = Some(self.next.map_or(now, |next| next.max(now)) + PERIOD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_few_leave_at_once_and_the_others_one_each_period() {
        let (mut pace, start) = (Pace::default(), steady_now());
        let mut left = Vec::new();
        for ms in 0..40 {
            let now = start + Duration::from_millis(ms);
            while pace.due().is_none_or(|due| due <= now) {
                pace.took(now);
                left.push(ms);
            }
        }
        assert_eq!(left[..7], [0, 0, 0, 0, 4, 8, 12]);
        let later = start + Duration::from_secs(1);
        let at_once = (0..9).take_while(|_| {
            pace.due().is_none_or(|due| due <= later) && {
                pace.took(later);
                true
            }
        });
        assert_eq!(at_once.count(), 4, "after a while a few again, and no more than that");
    }

    #[tokio::test]
    async fn all_that_wait_leave_in_order_at_the_end_and_one_service_does_not_hold_another() {
        let (answers, outbox) = Answers::new();
        let (close, closing) = Ending::new();
        let left = Arc::new(Mutex::new(Vec::new()));
        let put = |service: usize, number: usize| {
            let left = Arc::clone(&left);
            outbox.of(service).put(move || left.lock().unwrap().push((service, number)));
        };
        (0..100).for_each(|number| put(0, number));
        put(1, 0);
        let task = tokio::spawn(answers.run(closing));
        while !left.lock().unwrap().contains(&(1, 0)) {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(left.lock().unwrap().len() < 50, "the others wait");
        close.send_replace(true);
        task.await.unwrap();
        let left: Vec<usize> =
            left.lock().unwrap().iter().filter(|(service, _)| *service == 0).map(|(_, n)| *n).collect();
        assert_eq!(left, (0..100).collect::<Vec<_>>());
    }
}
