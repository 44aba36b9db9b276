//! A table that is read more often than it is written, or as often.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Mutex, PoisonError, RwLock};

use arc_swap::ArcSwap;

use super::measure::Contender;

pub const KEYS: u64 = 1_000;
/// Of the concurrent map: many more than there are threads.
const SHARDS: u64 = 64;

type Table = HashMap<u64, u64>;

/// So many of a hundred operations write.
pub fn contenders(writes: u64) -> Vec<Contender> {
    let table = || -> Table { (0..KEYS).map(|key| (key, key)).collect() };
    let mutex = Mutex::new(table());
    let lock = RwLock::new(table());
    let shards: Vec<RwLock<Table>> = (0..SHARDS).map(|_| RwLock::new(table())).collect();
    let copied = ArcSwap::from_pointee(table());
    vec![
        Contender::new("mutex", move |random| {
            let mut table = mutex.lock().unwrap_or_else(PoisonError::into_inner);
            match Access::of(random, writes) {
                Access::Read(key) => read(&table, key),
                Access::Write(key) => write(&mut table, key),
            }
        }),
        Contender::new("read-write lock", move |random| {
            access(&lock, Access::of(random, writes));
        }),
        // As concurrent maps are made: each key belongs to one of many small tables with a lock of its own.
        Contender::new("concurrent map", move |random| {
            let access_to = Access::of(random, writes);
            let (Access::Read(key) | Access::Write(key)) = access_to;
            let shard = &shards[(key % SHARDS) as usize];
            access(shard, access_to);
        }),
        Contender::new("copy on write", move |random| {
            match Access::of(random, writes) {
                Access::Read(key) => read(&copied.load(), key),
                Access::Write(key) => {
                    copied.rcu(|table| {
                        let mut table = Table::clone(table);
                        write(&mut table, key);
                        table
                    });
                }
            }
        }),
    ]
}

#[derive(Clone, Copy)]
enum Access {
    Read(u64),
    Write(u64),
}

impl Access {
    fn of(random: u64, writes: u64) -> Self {
        let key = (random >> 32) % KEYS;
        if random % 100 < writes {
            Self::Write(key)
        } else {
            Self::Read(key)
        }
    }
}

fn access(lock: &RwLock<Table>, access: Access) {
    match access {
        Access::Read(key) => read(&lock.read().unwrap_or_else(PoisonError::into_inner), key),
        Access::Write(key) => write(
            &mut lock.write().unwrap_or_else(PoisonError::into_inner),
            key,
        ),
    }
}

fn read(table: &Table, key: u64) {
    black_box(table.get(&key));
}

fn write(table: &mut Table, key: u64) {
    *table.entry(key).or_default() += 1;
}
