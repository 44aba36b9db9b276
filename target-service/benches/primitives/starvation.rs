//! One writer among readers that are always there: how long it waits, by whom the lock prefers.
//!
//! A reader reads for 20 us and comes again at once. Where readers are let in while others read, their reads
//! overlap, and the writer may wait until all of them stop: that is the end of the measurement, and what is
//! shown then is its length.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::measure::{median, quantile, shown};

const READERS: [usize; 4] = [1, 2, 4, 8];
const READ: Duration = Duration::from_micros(20);
/// Between two writes.
const PAUSE: Duration = Duration::from_micros(200);

struct Contender {
    name: &'static str,
    read: Box<dyn Fn() + Sync>,
    write: Box<dyn Fn() + Sync>,
}

struct Reading {
    reads: f64,
    writes: f64,
    /// Nanoseconds.
    p99: f64,
}

pub fn compare(rounds: usize, time: Duration) {
    println!("\none writer among readers that read for 20 us and come again at once");
    println!("readers  primitive                  reads per s  writes per s  p99 of a write");
    let contenders = contenders();
    for readers in READERS {
        let mut readings: Vec<Vec<Reading>> = contenders.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            for turn in 0..contenders.len() {
                let number = (round + turn) % contenders.len();
                readings[number].push(measure(&contenders[number], readers, time));
            }
        }
        for (contender, own) in contenders.iter().zip(&readings) {
            println!(
                "{readers:>7}  {:<25} {:>12.0}  {:>12.0}  {:>14}",
                contender.name,
                median(own.iter().map(|reading| reading.reads)),
                median(own.iter().map(|reading| reading.writes)),
                shown(median(own.iter().map(|reading| reading.p99)))
            );
        }
    }
}

fn contenders() -> [Contender; 5] {
    let mutex = Arc::new(Mutex::new(0_u64));
    let lock = Arc::new(RwLock::new(0_u64));
    let queued = Arc::new(parking_lot::RwLock::new(0_u64));
    let preferring = Arc::new(parking_lot::RwLock::new(0_u64));
    let copied = Arc::new(ArcSwap::from_pointee(0_u64));
    [
        Contender {
            name: "mutex",
            read: with(&mutex, |mutex| {
                use_for_a_while(*mutex.lock().unwrap_or_else(PoisonError::into_inner));
            }),
            write: with(&mutex, |mutex| {
                *mutex.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            }),
        },
        Contender {
            name: "read-write lock",
            read: with(&lock, |lock| {
                let number = lock.read().unwrap_or_else(PoisonError::into_inner);
                use_for_a_while(*number);
            }),
            write: with(&lock, |lock| {
                *lock.write().unwrap_or_else(PoisonError::into_inner) += 1;
            }),
        },
        Contender {
            name: "parking_lot, in turn",
            read: with(&queued, |lock| {
                let number = lock.read();
                use_for_a_while(*number);
            }),
            write: with(&queued, |lock| *lock.write() += 1),
        },
        // The same lock, whose readers do not wait for a writer that waits.
        Contender {
            name: "parking_lot, readers first",
            read: with(&preferring, |lock| {
                let number = lock.read_recursive();
                use_for_a_while(*number);
            }),
            write: with(&preferring, |lock| *lock.write() += 1),
        },
        Contender {
            name: "copy on write",
            read: with(&copied, |copied| use_for_a_while(**copied.load())),
            write: with(&copied, |copied| {
                copied.rcu(|number| **number + 1);
            }),
        },
    ]
}

fn with<T: Send + Sync + 'static>(
    shared: &Arc<T>,
    act: impl Fn(&T) + Sync + 'static,
) -> Box<dyn Fn() + Sync> {
    let shared = Arc::clone(shared);
    Box::new(move || act(&shared))
}

/// As a computation would, and not as a sleep: the guard is in the caller's hands.
fn use_for_a_while(number: u64) {
    let begun = Instant::now();
    while begun.elapsed() < READ {
        black_box(number);
    }
}

fn measure(contender: &Contender, readers: usize, time: Duration) -> Reading {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reading: Vec<_> = (0..readers)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = 0_u64;
                    while !is_over.load(Ordering::Relaxed) {
                        (contender.read)();
                        reads += 1;
                    }
                    reads
                })
            })
            .collect();
        let writing = scope.spawn(|| {
            let mut waits = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                (contender.write)();
                waits.push(begun.elapsed().as_nanos() as f64);
                thread::sleep(PAUSE);
            }
            waits
        });
        let begun = Instant::now();
        thread::sleep(time);
        is_over.store(true, Ordering::Relaxed);
        let reads = reading
            .into_iter()
            .map(|one| one.join().expect("no reader panics"));
        let reads: u64 = reads.sum();
        let mut waits = writing.join().expect("no writer panics");
        let seconds = begun.elapsed().as_secs_f64();
        Reading {
            reads: reads as f64 / seconds,
            writes: waits.len() as f64 / seconds,
            p99: quantile(&mut waits, 0.99),
        }
    })
}
