//! Who and what the lab's dataset holds, and how often each is asked for.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::Zipf;

use crate::scenario::{Dataset, Skew};

/// Ids of members and posts are 1 to their number.
#[derive(Debug, Clone)]
pub struct Population {
    members: Popularity,
    posts: Popularity,
    last_post: u64,
    coupons: u64,
    coupon_quantity: u64,
}

const SEAT_CONTENDERS: u64 = 20;
/// The service knows no seats beyond.
const LAST_SEAT: u64 = 1_000_000;

#[derive(Debug, Clone)]
enum Popularity {
    Uniform(u64),
    /// The n-th most popular is asked for 1/n times as often as the first.
    Zipf(Zipf<f64>, u64),
}

impl Population {
    pub fn of(dataset: &Dataset) -> Self {
        Self {
            members: Popularity::new(dataset.members, dataset.skew),
            posts: Popularity::new(dataset.posts, dataset.skew),
            last_post: dataset.posts.max(1),
            coupons: dataset.coupons.max(1),
            coupon_quantity: dataset.coupon_quantity.max(1),
        }
    }

    /// With skew, members of low ids are the popular ones: they also have the most posts.
    pub(super) fn member(&self, rng: &mut ChaCha8Rng) -> u64 {
        self.members.rank(rng)
    }

    /// With skew, recent posts are the popular ones.
    pub(super) fn post(&self, rng: &mut ChaCha8Rng) -> u64 {
        self.last_post + 1 - self.posts.rank(rng)
    }

    /// The coupon that the arrival of this number wants, and the member that wants it. Of each coupon there
    /// are twice as many who want it as can have it, one after another, so that they meet; after the last
    /// coupon comes the first again, whose claimants have or have not been served already.
    pub(super) fn claim(&self, arrival: u64) -> (u64, u64) {
        let claimants = 2 * self.coupon_quantity;
        (
            arrival / claimants % self.coupons + 1,
            arrival % claimants + 1,
        )
    }

    /// The post that the arrival of this number likes, and the member that likes it. No two arrivals are the
    /// same like, as far as there are members times posts.
    pub(super) fn like(&self, arrival: u64) -> (u64, u64) {
        let (posts, members) = (self.last_post, self.members.count());
        (arrival % posts + 1, arrival / posts % members + 1)
    }

    /// The seat that the arrival of this number wants, and the member that wants it: each seat is wanted by
    /// [`SEAT_CONTENDERS`] members, one after another, so that they meet.
    pub(super) fn seat(arrival: u64) -> (u64, u64) {
        (
            arrival / SEAT_CONTENDERS % LAST_SEAT + 1,
            arrival % SEAT_CONTENDERS + 1,
        )
    }
}

impl Popularity {
    fn count(&self) -> u64 {
        let (Self::Uniform(count) | Self::Zipf(_, count)) = self;
        *count
    }

    fn new(count: u64, skew: Skew) -> Self {
        let count = count.max(1);
        match (skew, Zipf::new(count as f64, 1.0)) {
            (Skew::Zipf, Ok(zipf)) => Self::Zipf(zipf, count),
            _ => Self::Uniform(count),
        }
    }

    /// From 1, the most popular.
    fn rank(&self, rng: &mut ChaCha8Rng) -> u64 {
        match self {
            Self::Uniform(count) => rng.random_range(1..=*count),
            Self::Zipf(zipf, count) => (rng.sample(zipf) as u64).clamp(1, *count),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn drawn(skew: Skew) -> (Vec<u64>, Vec<u64>) {
        let population = Population::of(&Dataset {
            members: 100,
            posts: 1000,
            surveys: 0,
            survey_answers: 0,
            survey_likes: 0,
            coupons: 3,
            coupon_quantity: 2,
            skew,
        });
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        (0..20_000)
            .map(|_| (population.member(&mut rng), population.post(&mut rng)))
            .unzip()
    }

    #[test]
    fn ids_are_within_the_dataset_and_reach_its_ends() {
        for skew in [Skew::Uniform, Skew::Zipf] {
            let (members, posts) = drawn(skew);
            assert_eq!(
                (members.iter().min(), members.iter().max()),
                (Some(&1), Some(&100))
            );
            assert!(posts.iter().all(|post| (1..=1000).contains(post)) && posts.contains(&1000));
        }
    }

    #[test]
    fn skew_makes_the_first_member_and_the_last_post_popular() {
        let share = |values: &[u64], id| {
            values.iter().filter(|value| **value == id).count() as f64 / 20_000.0
        };
        let (members, posts) = drawn(Skew::Zipf);
        // 1 / H(100) = 0.193 and 1 / H(1000) = 0.134.
        assert!((share(&members, 1) - 0.193).abs() < 0.02);
        assert!((share(&posts, 1000) - 0.134).abs() < 0.02);
        assert!(share(&drawn(Skew::Uniform).0, 1) < 0.02);
    }

    #[test]
    fn an_empty_dataset_still_has_ids_to_ask_for() {
        let population = Population::of(&Dataset {
            members: 0,
            posts: 0,
            surveys: 0,
            survey_answers: 0,
            survey_likes: 0,
            coupons: 3,
            coupon_quantity: 2,
            skew: Skew::Zipf,
        });
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        assert_eq!(
            (population.member(&mut rng), population.post(&mut rng)),
            (1, 1)
        );
    }

    #[test]
    fn each_seat_is_wanted_by_twenty_members() {
        let seats: Vec<_> = (18..22).map(Population::seat).collect();
        assert_eq!(seats, [(1, 19), (1, 20), (2, 1), (2, 2)]);
    }

    #[test]
    fn each_coupon_is_wanted_by_twice_as_many_as_can_have_it() {
        let population = Population::of(&Dataset {
            members: 10,
            posts: 0,
            surveys: 0,
            survey_answers: 0,
            survey_likes: 0,
            coupons: 3,
            coupon_quantity: 2,
            skew: Skew::Uniform,
        });
        let claims: Vec<_> = (3..6).map(|arrival| population.claim(arrival)).collect();
        assert_eq!(claims, [(1, 4), (2, 1), (2, 2)]);
        assert_eq!(population.claim(12), (1, 1));
    }

    #[test]
    fn no_two_arrivals_are_the_same_like_while_there_are_others() {
        let population = Population::of(&Dataset {
            members: 4,
            posts: 3,
            surveys: 0,
            survey_answers: 0,
            survey_likes: 0,
            coupons: 0,
            coupon_quantity: 0,
            skew: Skew::Zipf,
        });
        let likes: std::collections::BTreeSet<_> =
            (0..12).map(|arrival| population.like(arrival)).collect();
        assert_eq!(likes.len(), 12);
        assert_eq!(
            (likes.first(), likes.last()),
            (Some(&(1, 1)), Some(&(3, 4)))
        );
    }
}
