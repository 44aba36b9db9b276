//! Locks: what every way to lock must do, with everything that can go wrong.

mod faults;
mod held;
mod orders;
mod suite;
