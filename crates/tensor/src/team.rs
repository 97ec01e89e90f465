//! How the threads share a kernel's work.
//!
//! A network is a long row of short kernels, and waking a thread costs as much as some of them. For the time of a run
//! ([`together`]) the pool's threads therefore stay awake as a team, and take tasks one by one: the next kernel reaches
//! them within a microsecond, and whoever is slower takes fewer. Outside a run the pool shares tasks as ever.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rayon::prelude::*;

use crate::shared::SharedMut;

/// Looks for work before a thread offers the processor to others.
const SPINS: usize = 1 << 12;
/// Elements that are worth a task of their own.
const TASK_ELEMENTS: usize = 1 << 15;
/// The last state of a team.
const OVER: usize = usize::MAX;

thread_local! {
    /// The team that this thread leads and may give work to.
    static LED: Cell<Option<&'static Team>> = const { Cell::new(None) };
    /// Whether this thread is at a team's task. Work inside one is not shared out again: a helper that waited for the pool
    /// might be given the job of helping, which ends with the run, which waits for the helper.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` on a thread of the pool, with the pool's idle threads as its team.
pub fn together<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|scope| {
        let threads = rayon::current_num_threads();
        if threads == 1 || LED.get().is_some() || BUSY.get() {
            return f();
        }
        let team = Arc::new(Team::default());
        for _ in 1..threads {
            let team = Arc::clone(&team);
            scope.spawn(move |_| team.help());
        }
        // SAFETY: `leading`, dropped before `team`, takes the reference away again.
        LED.set(Some(unsafe { &*Arc::as_ptr(&team) }));
        let leading = Leading(&team);
        let result = f();
        drop(leading);
        result
    })
}

/// Calls `f` for every task of `0..count`, on several threads where there are several.
pub fn each(count: usize, f: impl Fn(usize) + Sync) {
    if count < 2 || BUSY.get() {
        (0..count).for_each(f);
        return;
    }
    match LED.get() {
        Some(team) => team.work(count, &f),
        None => (0..count).into_par_iter().for_each(&f),
    }
}

/// Calls `f` for every chunk of `len` elements of `out` (the last may be shorter) and its number, on several threads;
/// a task is `together` chunks.
///
/// # Panics
/// When `len` or `together` is 0.
pub fn each_chunk<T: Send>(out: &mut [T], len: usize, together: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    assert!(len > 0 && together > 0, "chunks of something");
    let chunks = out.len().div_ceil(len);
    let out = SharedMut::new(out);
    each(chunks.div_ceil(together), |task| {
        for chunk in task * together..chunks.min((task + 1) * together) {
            let first = chunk * len;
            // SAFETY: chunks do not overlap, and each is in one task.
            f(chunk, unsafe { out.slice(first, len.min(out.len() - first)) });
        }
    });
}

/// Calls `f` for every chunk of `a` and the chunk of `b` beside it, on several threads where there is enough to do; the
/// numbers are elements of a chunk.
///
/// # Panics
/// When a number is 0, or one slice has more chunks than the other.
pub fn each_pair<A: Sync, B: Send>(
    (a, len_a): (&[A], usize),
    (b, len_b): (&mut [B], usize),
    f: impl Fn(&[A], &mut [B]) + Sync,
) {
    assert_eq!(a.len() * len_b, b.len() * len_a, "chunks in pairs");
    let together = (TASK_ELEMENTS / len_a.max(len_b)).max(1);
    each_chunk(b, len_b, together, |index, b| f(&a[index * len_a..][..len_a], b));
}

/// Threads that work on one job after another.
#[derive(Default)]
struct Team {
    /// Odd while a job is open, even between jobs, [`OVER`] at the end; it never has a value twice.
    state: Alone,
    /// Helpers that may be looking at the job.
    inside: Alone,
    /// The next task of the job.
    next: Alone,
    /// Written by the leader while no job is open and nobody inside.
    job: UnsafeCell<Option<Job>>,
    /// What a helper's task panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// A counter on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Alone(AtomicUsize);

/// `count` tasks of a function whose type is forgotten.
#[derive(Clone, Copy)]
struct Job {
    count: usize,
    function: *const (),
    call: unsafe fn(*const (), usize),
}

// SAFETY: `job` is written by the leader alone, while no helper reads it (`Team::work`), and what it points to is `Sync`.
unsafe impl Sync for Team {}
// SAFETY: as above.
unsafe impl Send for Team {}

impl Team {
    /// Shares the tasks out and returns when all are done.
    fn work<F: Fn(usize) + Sync>(&self, count: usize, f: &F) {
        /// # Safety
        /// `function` is a live `F`.
        unsafe fn call<F: Fn(usize)>(function: *const (), task: usize) {
            // SAFETY: as the caller promises.
            unsafe { (*function.cast::<F>())(task) }
        }
        let job = Job { count, function: std::ptr::from_ref(f).cast(), call: call::<F> };
        // SAFETY: no job is open and nobody inside: the leader waited for that after the last one.
        unsafe { *self.job.get() = Some(job) };
        self.next.0.store(0, Ordering::Relaxed);
        self.state.0.fetch_add(1, Ordering::SeqCst);
        let open = Open(self);
        self.tasks(job);
        // Closed, and everybody has left.
        drop(open);
        let panicked = self.panic.lock().map_or(None, |mut panic| panic.take());
        if let Some(payload) = panicked {
            resume_unwind(payload);
        }
    }

    /// Takes tasks until there are none.
    fn tasks(&self, job: Job) {
        let _busy = Busy::new();
        loop {
            let task = self.next.0.fetch_add(1, Ordering::Relaxed);
            if task >= job.count {
                return;
            }
            // SAFETY: the job is open, or its leader waits for this thread: the function lives.
            unsafe { (job.call)(job.function, task) };
        }
    }

    /// Helps with every job until the team's run is over.
    fn help(&self) {
        let mut done = 0;
        let mut looked = 0;
        loop {
            let state = self.state.0.load(Ordering::SeqCst);
            if state == OVER {
                return;
            }
            if state.is_multiple_of(2) || state == done {
                wait(&mut looked);
                continue;
            }
            self.inside.0.fetch_add(1, Ordering::SeqCst);
            // The leader closes a job, then looks who is inside; a helper enters, then looks whether it is open still.
            if self.state.0.load(Ordering::SeqCst) == state {
                // SAFETY: the job stays as it is while somebody is inside.
                if let Some(job) = unsafe { *self.job.get() } {
                    let result = catch_unwind(AssertUnwindSafe(|| self.tasks(job)));
                    if let (Err(payload), Ok(mut panic)) = (result, self.panic.lock()) {
                        *panic = Some(payload);
                    }
                }
            }
            self.inside.0.fetch_sub(1, Ordering::SeqCst);
            done = state;
            looked = 0;
        }
    }
}

/// Waits a little, and politely after a while.
fn wait(looked: &mut usize) {
    *looked += 1;
    if *looked < SPINS {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

/// An open job: closed, and waited for, however the leader leaves it.
struct Open<'a>(&'a Team);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        // After a panic the tasks that are left are nobody's.
        if std::thread::panicking() {
            self.0.next.0.store(usize::MAX / 2, Ordering::Relaxed);
        }
        self.0.state.0.fetch_add(1, Ordering::SeqCst);
        let mut looked = 0;
        while self.0.inside.0.load(Ordering::SeqCst) > 0 {
            wait(&mut looked);
        }
        // The leader's own panic goes first; a helper's must not be left for the next job.
        if std::thread::panicking()
            && let Ok(mut panic) = self.0.panic.lock()
        {
            *panic = None;
        }
    }
}

/// Says that this thread is at a task, however it leaves it.
struct Busy;

impl Busy {
    fn new() -> Self {
        BUSY.set(true);
        Self
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.set(false);
    }
}

/// Sends the team home at the end of a run.
struct Leading<'a>(&'a Team);

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        LED.set(None);
        self.0.state.0.store(OVER, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{each, each_chunk, each_pair, together};

    fn on_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(f)
    }

    #[test]
    fn every_task_is_done_once_in_every_job() {
        for threads in [1, 2, 5] {
            on_threads(threads, || {
                together(|| {
                    for round in 0..2000 {
                        let counts: Vec<_> = (0..round % 23).map(|_| AtomicUsize::new(0)).collect();
                        each(counts.len(), |task| {
                            counts[task].fetch_add(1, Ordering::Relaxed);
                        });
                        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "round {round}");
                    }
                });
            });
        }
    }

    #[test]
    fn chunks_are_numbered_and_whole() {
        for (len, chunk, per_task) in [(0, 3, 1), (10, 3, 1), (10, 3, 2), (12, 3, 4), (7, 100, 1), (1000, 7, 3)] {
            let check = || {
                let mut out = vec![usize::MAX; len];
                each_chunk(&mut out, chunk, per_task, |index, out| out.fill(index));
                assert!(out.iter().enumerate().all(|(at, index)| *index == at / chunk), "{len} {chunk} {per_task}");
            };
            check();
            on_threads(3, || together(check));
        }
    }

    #[test]
    fn chunks_lie_beside_each_other() {
        for chunks in [0, 1, 7, 40_000] {
            let a: Vec<usize> = (0..3 * chunks).collect();
            let mut b = vec![0; 2 * chunks];
            each_pair((&a, 3), (&mut b, 2), |a, b| b.copy_from_slice(&a[1..]));
            assert!((0..chunks).all(|chunk| b[2 * chunk..][..2] == [3 * chunk + 1, 3 * chunk + 2]), "{chunks}");
        }
    }

    #[test]
    fn tasks_may_share_out_work_and_runs_may_lie_in_runs() {
        let sum = AtomicUsize::new(0);
        on_threads(3, || {
            together(|| {
                each(6, |_| {
                    each(7, |task| {
                        sum.fetch_add(task, Ordering::Relaxed);
                    });
                    together(|| each(2, |_| ()));
                });
                together(|| {
                    each(3, |_| {
                        sum.fetch_add(1, Ordering::Relaxed);
                    });
                });
            });
        });
        assert_eq!(sum.into_inner(), 6 * 21 + 3);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_goes_on() {
        for bad in [0, 63] {
            on_threads(4, || {
                together(|| {
                    for _ in 0..20 {
                        let run = || {
                            each(64, |task| assert!(task != bad, "task {task}"));
                        };
                        assert!(std::panic::catch_unwind(run).is_err());
                        let count = AtomicUsize::new(0);
                        each(64, |_| {
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                        assert_eq!(count.into_inner(), 64);
                    }
                });
            });
        }
    }

    #[test]
    fn panics_of_one_job_are_not_those_of_the_next() {
        on_threads(2, || {
            together(|| {
                for _ in 0..200 {
                    let run = || each(64, |task| assert!(task > 1, "task {task}"));
                    assert!(std::panic::catch_unwind(run).is_err());
                    each(64, |_| ());
                }
            });
        });
    }

    #[test]
    fn many_runs_at_once() {
        let count = AtomicUsize::new(0);
        on_threads(2, || {
            use rayon::prelude::*;
            (0..40).into_par_iter().for_each(|_| {
                together(|| {
                    each(50, |_| {
                        count.fetch_add(1, Ordering::Relaxed);
                    });
                });
            });
        });
        assert_eq!(count.into_inner(), 2000);
    }
}
