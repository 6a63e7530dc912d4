//! The gate through which plans leave, the walk's and the edge's own: one at a time, none that is too old, and nothing
//! after a last stop.
//!
//! Plan and path of a frame leave together, and the robot's lock with them, under a mutex that nobody holds for longer than
//! these small messages take. So an age that was checked is the age with which they leave, a stop never comes between them,
//! and what counts for the watchdog is what has left. It is open while the node is active. Any thread may close it for good; that
//! is the last stop.

use super::lock::{self, Lock};
use super::silence::{Silence, Silent, Watch};
use super::stop::StopPlan;
use crate::pipeline::Output;
use crate::ros::clock::EdgeClock;
use crate::ros::intake::freshness::{Freshness, NotFresh};
use crate::ros::publishers::{NotPublished, Publish};
use crate::types::{FrameId, Stamp};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const NS_PER_MS: i64 = 1_000_000;

/// The gate of one node.
pub struct Gate {
    state: Mutex<State>,
    /// It was opened or closed.
    changed: Condvar,
}

struct State {
    publishers: Box<dyn Publish>,
    clock: Box<dyn EdgeClock>,
    /// While it is open.
    post: Option<Post>,
    /// That of the newest plan that has left.
    sequence: u64,
    /// For good.
    is_closed: bool,
    /// Since the last look.
    is_opened: bool,
}

/// What holds while the gate is open.
struct Post {
    freshness: Freshness,
    stop: StopPlan,
    lock: Lock,
    /// From the moment at which ROS time begins.
    silence: Option<Silence>,
    is_paused: bool,
}

/// Why a robot is told to stop in a pause.
const PAUSED: &str = "paused: parameter enabled is false";

/// The two messages of a frame that tell a robot what to do.
#[derive(Debug, Clone, Copy)]
pub struct Orders<'a> {
    /// The image's.
    pub stamp: Stamp,
    /// The plan's.
    pub sequence: u64,
    /// Whether it tells the robot not to move.
    pub is_stop: bool,
    /// The frame that they are in.
    pub base_frame: &'a FrameId,
    /// vedette_msgs/Plan.
    pub plan: &'a [u8],
    /// nav_msgs/Path.
    pub path: &'a [u8],
}

/// They have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// The image's age when they left, in ROS time; below 0 for one of the near future.
    pub age_ns: i64,
    /// How old the plan before them was by then, if there was one.
    pub replaced_ns: Option<i64>,
}

/// Why they have not.
#[derive(Debug, thiserror::Error)]
pub enum Withheld {
    /// They were ready too late.
    #[error("{0}")]
    NotFresh(NotFresh),
    /// The node has said its last stop, or is not active.
    #[error("the node has said its last stop")]
    Closed,
    /// DDS did not take them.
    #[error(transparent)]
    NotPublished(#[from] NotPublished),
}

impl Withheld {
    /// The name of the cause, for counters.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::NotFresh(NotFresh::TooOld { .. }) => "late",
            Self::NotFresh(not_fresh) => not_fresh.cause(),
            Self::Closed => "closed",
            Self::NotPublished(_) => "not_published",
        }
    }
}

/// What a look of the watchdog came to.
#[derive(Debug)]
pub struct Looked {
    /// What it found. `None` while ROS time has not begun.
    pub watch: Option<Watch>,
    /// Where a stop was due and DDS did not take it.
    pub not_published: Option<NotPublished>,
    /// When to look again. Simulated time may come to it sooner.
    pub wait: Duration,
}

impl Gate {
    /// The longest wait between two looks.
    const MAX_WAIT: Duration = Duration::from_secs(1);

    /// Not open yet.
    pub fn new(publishers: impl Publish + 'static, clock: impl EdgeClock + 'static) -> Self {
        let state = State {
            publishers: Box::new(publishers),
            clock: Box::new(clock),
            post: None,
            sequence: 0,
            is_closed: false,
            is_opened: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Opens it, with a silence that begins now; nothing opens it once it is closed for good.
    pub fn open(&self, freshness: Freshness, stop: StopPlan, is_paused: bool) {
        let mut state = self.lock();
        if state.is_closed {
            return;
        }
        let silence = state.clock.watch_ns().map(|now_ns| Silence::new(freshness.max_age_ns, now_ns));
        state.post = Some(Post { freshness, stop, lock: Lock::new(), silence, is_paused });
        state.is_opened = true;
        self.changed.notify_all();
    }

    /// Other parameters hold from now on, where it is open. A silence goes on as it is; a pause begins with a stop.
    ///
    /// # Errors
    /// When DDS did not take that stop; the watchdog says it again.
    pub fn change(&self, freshness: Freshness, stop: StopPlan, is_paused: bool) -> Result<(), NotPublished> {
        let mut state = self.lock();
        let State { publishers, clock, post: Some(post), sequence, is_opened, .. } = &mut *state else { return Ok(()) };
        (post.freshness, post.stop) = (freshness, stop);
        if let Some(silence) = &mut post.silence {
            silence.allow(freshness.max_age_ns);
        }
        *is_opened = true;
        self.changed.notify_all();
        let begins = is_paused && !post.is_paused;
        post.is_paused = is_paused;
        if begins { post.say_stop(&**publishers, clock.now(), *sequence, PAUSED.to_owned()) } else { Ok(()) }
    }

    /// Lets a frame's orders leave, if they are young enough now and the gate is open.
    ///
    /// # Errors
    /// Why not; the frame's other messages are then to stay back too.
    pub fn pass(&self, orders: &Orders<'_>) -> Result<Left, Withheld> {
        let mut state = self.lock();
        let State { publishers, clock, post, sequence, .. } = &mut *state;
        let post = post.as_mut().ok_or(Withheld::Closed)?;
        let age_ns = post.freshness.age_ns(orders.stamp, clock.now()).map_err(Withheld::NotFresh)?;
        // One of them may be out when the other fails: for the watchdog, that is no plan.
        publishers.publish(Output::Plan, orders.plan)?;
        *sequence = orders.sequence;
        post.stop.set_base_frame(orders.base_frame);
        publishers.publish(Output::Path, orders.path)?;
        post.lock.set(&**publishers, orders.is_stop)?;
        let now_ns = clock.watch_ns().ok_or(Withheld::NotFresh(NotFresh::NoClock))?;
        let replaced_ns = post.silence(now_ns).plan_left(now_ns, age_ns);
        Ok(Left { age_ns, replaced_ns })
    }

    /// The watchdog's look: says stop when it is due.
    pub fn look(&self) -> Looked {
        let mut state = self.lock();
        state.is_opened = false;
        let State { publishers, clock, post, sequence, .. } = &mut *state;
        let Some(post) = post else { return Looked { watch: None, not_published: None, wait: Self::MAX_WAIT } };
        let Some(now_ns) = clock.watch_ns() else {
            return Looked { watch: None, not_published: post.lock.beat(&**publishers).err(), wait: lock::PERIOD };
        };
        let silence = post.silence(now_ns);
        let watch = silence.check(now_ns);
        let wait = Duration::from_nanos(silence.wait_ns().unsigned_abs()).min(lock::PERIOD);
        let said = match watch {
            Watch::Stop(silent) => {
                let verdict = post.verdict(silent);
                post.say_stop(&**publishers, clock.now(), *sequence, verdict)
            }
            Watch::Fresh | Watch::Silent(_) => post.lock.beat(&**publishers),
        };
        Looked { watch: Some(watch), not_published: said.err(), wait }
    }

    /// How long there has been no plan that is still true, where that is too long.
    pub fn silent(&self) -> Option<Silent> {
        let mut state = self.lock();
        let State { clock, post, .. } = &mut *state;
        let now_ns = clock.watch_ns()?;
        post.as_mut()?.silence(now_ns).silent(now_ns)
    }

    /// Says a last stop and why, and lets nothing leave until it is opened again. Does nothing where it is not open. Where
    /// simulated time has not begun nothing has ever left, and there is nothing to say.
    ///
    /// # Errors
    /// When DDS did not take the stop; shut it is all the same.
    pub fn shut(&self, why: &str) -> Result<(), NotPublished> {
        self.lock().shut(why)
    }

    /// As [`shut`](Self::shut), for good.
    ///
    /// # Errors
    /// As [`shut`](Self::shut).
    pub fn close(&self, why: &str) -> Result<(), NotPublished> {
        let mut state = self.lock();
        state.is_closed = true;
        self.changed.notify_all();
        state.shut(why)
    }

    /// Whether plans may leave.
    pub fn is_open(&self) -> bool {
        self.lock().post.is_some()
    }

    /// Waits until the gate is closed for good, at most `wait`; returns whether it is. Ends sooner where it was opened.
    pub fn wait_closed(&self, wait: Duration) -> bool {
        let goes_on = |state: &mut State| !state.is_closed && !state.is_opened;
        let waited = self.changed.wait_timeout_while(self.lock(), wait, goes_on);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }

    /// A thread that ended in a panic here has left whole values behind: each is one assignment.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn shut(&mut self, why: &str) -> Result<(), NotPublished> {
        let Some(mut post) = self.post.take() else { return Ok(()) };
        post.say_stop(&*self.publishers, self.clock.now(), self.sequence, why.to_owned())
    }
}

impl Post {
    fn silence(&mut self, now_ns: i64) -> &mut Silence {
        let max_age_ns = self.freshness.max_age_ns;
        self.silence.get_or_insert_with(|| Silence::new(max_age_ns, now_ns))
    }

    /// Locks, and says the stop plan where there is a time to stamp it with.
    fn say_stop(
        &mut self,
        to: &dyn Publish,
        now: Option<Stamp>,
        sequence: u64,
        verdict: String,
    ) -> Result<(), NotPublished> {
        let locked = self.lock.set(to, true);
        let Some(now) = now else { return locked };
        self.stop.say(to, now, sequence, verdict).and(locked)
    }

    fn verdict(&self, silent: Silent) -> String {
        let (ms, max_age_ms) = (silent.ns / NS_PER_MS, self.freshness.max_age_ns / NS_PER_MS);
        if self.is_paused {
            PAUSED.to_owned()
        } else if silent.after_plan {
            format!("the newest plan is {ms} ms old, at most {max_age_ms} ms are allowed")
        } else {
            format!("no plan yet after {ms} ms, at most {max_age_ms} ms are allowed")
        }
    }
}

#[cfg(test)]
pub(in crate::ros) mod tests {
    use super::*;
    use crate::config::Config;
    use crate::types::{Decision, PlanSource};
    use crate::wire::vedette_msgs::decode_plan;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

    const MS: i64 = 1_000_000;

    /// Both times of the edge, set by hand.
    #[derive(Clone, Default)]
    struct Hand(Arc<AtomicI64>);

    impl EdgeClock for Hand {
        fn now(&self) -> Option<Stamp> {
            self.watch_ns().map(Stamp::from_ns)
        }

        fn watch_ns(&self) -> Option<i64> {
            Some(self.0.load(Ordering::Relaxed)).filter(|ns| *ns > 0)
        }
    }

    type Message = (Output, Vec<u8>);

    /// Keeps what leaves.
    #[derive(Clone, Default)]
    struct Sent {
        messages: Arc<Mutex<Vec<Message>>>,
        locks: Arc<Mutex<Vec<bool>>>,
        is_broken: Arc<AtomicBool>,
    }

    impl Publish for Sent {
        fn publish(&self, output: Output, cdr: &[u8]) -> Result<(), NotPublished> {
            if self.is_broken.load(Ordering::Relaxed) {
                return Err(NotPublished { topic: output.name(), source: r2r::Error::RCL_RET_ERROR });
            }
            self.messages.lock().unwrap().push((output, cdr.to_vec()));
            Ok(())
        }

        fn publish_stop(&self, is_stop: bool) -> Result<(), NotPublished> {
            if self.is_broken.load(Ordering::Relaxed) {
                return Err(NotPublished { topic: "~/stop", source: r2r::Error::RCL_RET_ERROR });
            }
            self.locks.lock().unwrap().push(is_stop);
            Ok(())
        }
    }

    /// A gate without a node.
    pub struct Bench {
        pub gate: Arc<Gate>,
        clock: Hand,
        sent: Sent,
    }

    /// Whose clock stands at a time.
    pub fn bench(start_ms: i64) -> Bench {
        let (clock, sent) = (Hand::default(), Sent::default());
        clock.0.store(start_ms * MS, Ordering::Relaxed);
        let gate = Gate::new(sent.clone(), clock.clone());
        gate.open(Freshness { max_age_ns: 200 * MS }, StopPlan::new(&Config::default()), false);
        Bench { gate: Arc::new(gate), clock, sent }
    }

    impl Bench {
        fn at(&self, ms: i64) -> &Self {
            self.clock.0.store(ms * MS, Ordering::Relaxed);
            self
        }

        fn pass(&self, stamp_ms: i64, sequence: u64) -> Result<Left, Withheld> {
            let stamp = Stamp::from_ns(stamp_ms * MS);
            self.gate.pass(&Orders {
                stamp,
                sequence,
                is_stop: false,
                base_frame: &FrameId::new("base_footprint"),
                plan: b"plan",
                path: b"path",
            })
        }

        /// What has left since the last call, the edge's own plans by their sequence and verdict.
        pub fn left(&self) -> Vec<String> {
            let messages = std::mem::take(&mut *self.sent.messages.lock().unwrap());
            let text = |(output, cdr): &Message| match output {
                Output::Plan if cdr != b"plan" => {
                    let plan = decode_plan(cdr).unwrap();
                    assert_eq!((plan.decision, plan.source), (Decision::Stop, PlanSource::Watchdog));
                    format!("stop {}: {}", plan.sequence, plan.verdict)
                }
                _ => output.name().to_owned(),
            };
            messages.iter().map(text).collect()
        }
    }

    #[test]
    fn plan_and_path_leave_together_while_they_are_young() {
        let bench = bench(1000);
        assert_eq!(bench.at(1100).pass(900, 1).unwrap(), Left { age_ns: 200 * MS, replaced_ns: None });
        assert_eq!(bench.left(), ["~/plan", "~/path"]);
        assert_eq!(bench.pass(1090, 2).unwrap(), Left { age_ns: 10 * MS, replaced_ns: Some(200 * MS) });
    }

    #[test]
    fn what_is_too_old_when_it_is_ready_stays_and_ends_no_silence() {
        let bench = bench(1000);
        let withheld = bench.at(1250).pass(1049, 1).unwrap_err();
        assert_eq!((withheld.cause(), withheld.to_string().as_str()), ("late", "201 ms old, max_age_ms is 200"));
        assert!(bench.left().is_empty());
        assert!(matches!(bench.gate.look().watch, Some(Watch::Stop(_))));
        assert_eq!(bench.left(), ["stop 0: no plan yet after 250 ms, at most 200 ms are allowed", "~/path"]);
    }

    #[test]
    fn the_stop_takes_back_the_newest_plan_once_it_is_too_old() {
        let bench = bench(1000);
        bench.at(1100).pass(1050, 7).unwrap();
        let looked = bench.at(1110).gate.look();
        assert_eq!((looked.watch, looked.wait), (Some(Watch::Fresh), lock::PERIOD));
        assert!(bench.gate.silent().is_none());
        bench.left();
        bench.at(1251).gate.look();
        assert_eq!(bench.left(), ["stop 7: the newest plan is 201 ms old, at most 200 ms are allowed", "~/path"]);
        assert!(bench.gate.silent().is_some());
        bench.at(1260).pass(1200, 8).unwrap();
        assert!(bench.gate.silent().is_none());
    }

    #[test]
    fn the_lock_is_said_with_every_plan_and_stop_and_again_while_nothing_comes() {
        let bench = bench(1000);
        let said = || std::mem::take(&mut *bench.sent.locks.lock().unwrap());
        bench.gate.look();
        assert_eq!(said(), [true], "locked before the first plan");
        bench.at(1010).pass(1000, 1).unwrap();
        assert_eq!(said(), [false]);
        bench.gate.look();
        assert_eq!(said(), [false; 0], "it was said just now");
        std::thread::sleep(lock::PERIOD);
        bench.at(1060).gate.look();
        assert_eq!(said(), [false], "the plan is still true");
        bench.at(1300).gate.look();
        assert_eq!(said(), [true], "it is no longer");
        bench.at(1310).pass(1305, 2).unwrap();
        bench.gate.shut("the node is deactivated").unwrap();
        assert_eq!(said(), [false, true]);
        std::thread::sleep(lock::PERIOD);
        bench.gate.look();
        assert_eq!(said(), [false; 0], "silence is a lock too");
    }

    #[test]
    fn after_the_last_stop_nothing_leaves() {
        let bench = bench(1000);
        bench.at(1010).pass(1000, 3).unwrap();
        bench.left();
        bench.gate.close("the node ends").unwrap();
        bench.gate.close("again").unwrap();
        assert_eq!(bench.left(), ["stop 3: the node ends", "~/path"]);
        assert_eq!(bench.at(1020).pass(1015, 4).unwrap_err().cause(), "closed");
        assert!(bench.at(9000).gate.look().watch.is_none() && bench.left().is_empty());
        assert!(bench.gate.wait_closed(Duration::from_secs(3600)));
    }

    #[test]
    fn a_shut_gate_says_stop_once_and_is_silent_until_it_is_opened_again() {
        let bench = bench(1000);
        bench.at(1010).pass(1000, 3).unwrap();
        bench.left();
        bench.gate.shut("the node is deactivated").unwrap();
        bench.gate.shut("again").unwrap();
        assert_eq!(bench.left(), ["stop 3: the node is deactivated", "~/path"]);
        assert_eq!(bench.at(1020).pass(1015, 4).unwrap_err().cause(), "closed");
        assert!(bench.at(9000).gate.look().watch.is_none() && bench.left().is_empty() && !bench.gate.is_open());
        assert!(bench.gate.silent().is_none());
        bench.gate.open(Freshness { max_age_ns: 100 * MS }, StopPlan::new(&Config::default()), false);
        assert!(!bench.gate.wait_closed(Duration::from_secs(3600)), "the watchdog is told at once");
        assert_eq!(bench.gate.look().watch, Some(Watch::Fresh), "the silence begins with it");
        bench.at(9101).gate.look();
        assert_eq!(bench.left(), ["stop 3: no plan yet after 101 ms, at most 100 ms are allowed", "~/path"]);
        bench.gate.close("the node ends").unwrap();
        bench.gate.open(Freshness { max_age_ns: 100 * MS }, StopPlan::new(&Config::default()), false);
        assert!(!bench.gate.is_open());
    }

    #[test]
    fn another_limit_holds_from_the_next_look_on() {
        let bench = bench(1000);
        bench.at(1010).pass(1000, 3).unwrap();
        assert_eq!(bench.at(1150).gate.look().watch, Some(Watch::Fresh));
        bench.gate.change(Freshness { max_age_ns: 100 * MS }, StopPlan::new(&Config::default()), false).unwrap();
        bench.left();
        assert!(matches!(bench.gate.look().watch, Some(Watch::Stop(_))));
        assert_eq!(bench.left(), ["stop 3: the newest plan is 150 ms old, at most 100 ms are allowed", "~/path"]);
    }

    #[test]
    fn a_pause_says_stop_at_once_and_then_as_the_watchdog_does() {
        let bench = bench(1000);
        bench.at(1010).pass(1000, 3).unwrap();
        bench.left();
        let pause = |is_paused| {
            let stop = StopPlan::new(&Config::default());
            bench.gate.change(Freshness { max_age_ns: 200 * MS }, stop, is_paused).unwrap();
        };
        pause(true);
        pause(true);
        assert_eq!(bench.left(), ["stop 3: paused: parameter enabled is false", "~/path"]);
        bench.at(1250).gate.look();
        assert_eq!(bench.left(), ["stop 3: paused: parameter enabled is false", "~/path"]);
        pause(false);
        bench.at(1260).pass(1255, 4).unwrap();
        assert_eq!(bench.left(), ["~/plan", "~/path"]);
    }

    #[test]
    fn what_dds_does_not_take_is_no_plan() {
        let bench = bench(1000);
        bench.sent.is_broken.store(true, Ordering::Relaxed);
        assert_eq!(bench.at(1010).pass(1000, 1).unwrap_err().cause(), "not_published");
        let looked = bench.at(1201).gate.look();
        assert!(matches!(looked.watch, Some(Watch::Stop(_))) && looked.not_published.is_some());
        bench.sent.is_broken.store(false, Ordering::Relaxed);
        bench.at(1401).gate.look();
        assert_eq!(bench.left(), ["stop 0: no plan yet after 401 ms, at most 200 ms are allowed", "~/path"]);
    }

    #[test]
    fn before_time_begins_nothing_leaves_and_nothing_is_watched() {
        let bench = bench(0);
        assert_eq!(bench.pass(0, 1).unwrap_err().cause(), "no_clock");
        assert!(bench.gate.look().watch.is_none());
        assert_eq!(bench.at(5000).gate.look().watch, Some(Watch::Fresh), "the count begins with the time");
        assert!(matches!(bench.at(5201).gate.look().watch, Some(Watch::Stop(_))));
    }

    #[test]
    fn a_panic_under_the_lock_leaves_the_gate_usable() {
        struct Panics;
        impl Publish for Panics {
            fn publish(&self, _: Output, _: &[u8]) -> Result<(), NotPublished> {
                panic!("by order of the test")
            }

            fn publish_stop(&self, _: bool) -> Result<(), NotPublished> {
                panic!("by order of the test")
            }
        }
        let bench = bench(1000);
        bench.gate.lock().publishers = Box::new(Panics);
        std::thread::scope(|scope| scope.spawn(|| bench.at(1010).pass(1000, 1)).join().unwrap_err());
        bench.gate.lock().publishers = Box::new(bench.sent.clone());
        bench.gate.close("the thread perceive ended in a panic").unwrap();
        assert_eq!(bench.left(), ["stop 0: the thread perceive ended in a panic", "~/path"]);
    }
}
