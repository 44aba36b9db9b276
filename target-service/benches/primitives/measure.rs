//! Threads that do one operation again and again, and what that comes to.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const THREADS: [usize; 4] = [1, 2, 4, 8];
/// Of so many operations one is timed: a look at the clock costs more than some of them.
const TIMED: u64 = 64;

#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pub per_second: f64,
    /// Nanoseconds.
    pub p99: f64,
}

/// A primitive, as something that can be measured with a number of threads for a time.
pub struct Contender {
    pub name: &'static str,
    pub measure: Box<dyn Fn(usize, Duration) -> Reading>,
}

impl Contender {
    /// The operation is given a random number each time.
    pub fn new(name: &'static str, operation: impl Fn(u64) + Sync + 'static) -> Self {
        let measure = Box::new(move |threads, time| run(threads, time, &operation));
        Self { name, measure }
    }
}

fn run(threads: usize, time: Duration, operation: &(impl Fn(u64) + Sync)) -> Reading {
    let (ready, is_over) = (Barrier::new(threads + 1), AtomicBool::new(false));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|number| {
                let (ready, is_over) = (&ready, &is_over);
                scope.spawn(move || {
                    ready.wait();
                    work(number as u64, is_over, operation)
                })
            })
            .collect();
        ready.wait();
        let begun = Instant::now();
        thread::sleep(time);
        is_over.store(true, Ordering::Relaxed);
        let (mut done, mut times) = (0, Vec::new());
        for worker in workers {
            let (count, timed) = worker.join().expect("no operation panics");
            done += count;
            times.extend(timed);
        }
        Reading {
            per_second: done as f64 / begun.elapsed().as_secs_f64(),
            p99: quantile(&mut times, 0.99),
        }
    })
}

/// The number of operations, and the nanoseconds of those that were timed.
fn work(number: u64, is_over: &AtomicBool, operation: &(impl Fn(u64) + Sync)) -> (u64, Vec<f64>) {
    let (mut done, mut times) = (0, Vec::new());
    let mut random = Random::new(number);
    while !is_over.load(Ordering::Relaxed) {
        for _ in 1..TIMED {
            operation(random.next());
        }
        let begun = Instant::now();
        operation(random.next());
        times.push(begun.elapsed().as_nanos() as f64);
        done += TIMED;
    }
    (done, times)
}

/// Marsaglia's xorshift: cheaper than anything that is measured.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(0x9e37_79b9_7f4a_7c15 ^ (seed + 1).wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Measures all of them in turns and prints a table. The first one is what the others are compared with.
pub fn compare(title: &str, contenders: &[Contender], rounds: usize, time: Duration) {
    println!("\n{title}");
    let first = contenders[0].name;
    println!("threads  primitive           per second  against {first}     p99");
    for threads in THREADS {
        let mut readings = vec![Vec::new(); contenders.len()];
        for round in 0..rounds {
            for turn in 0..contenders.len() {
                let number = (round + turn) % contenders.len();
                readings[number].push((contenders[number].measure)(threads, time));
            }
        }
        for (contender, own) in contenders.iter().zip(&readings) {
            let ratios = own.iter().zip(&readings[0]);
            let ratio = median(ratios.map(|(own, first)| own.per_second / first.per_second));
            let rate = median(own.iter().map(|reading| reading.per_second));
            let p99 = median(own.iter().map(|reading| reading.p99));
            println!(
                "{threads:>7}  {:<18} {rate:>11.0}  {ratio:>12.2}  {:>8}",
                contender.name,
                shown(p99)
            );
        }
    }
}

/// Nanoseconds in a unit that fits.
pub fn shown(nanoseconds: f64) -> String {
    match nanoseconds {
        few if few < 1e4 => format!("{few:.0} ns"),
        more if more < 1e7 => format!("{:.0} us", more / 1e3),
        many => format!("{:.0} ms", many / 1e6),
    }
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(&mut values.collect::<Vec<_>>(), 0.5)
}

/// Of all that were seen the one of this rank; `NaN` of none.
pub fn quantile(values: &mut [f64], quantile: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len().saturating_sub(1) as f64 * quantile).round() as usize;
    values.get(rank).copied().unwrap_or(f64::NAN)
}
