//! Generates the rows of a plan as lines in COPY's text format.
//!
//! Every line is drawn from one random stream per table, so it depends on the plan alone. The words hold
//! nothing that COPY would need escaped (tab, line break, backslash).

use std::fmt::Write as _;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use rand::distr::Uniform;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, Zipf};

use super::{SeedPlan, Skew};

const DAYS_OF_POSTS: i64 = 365;
const WORDS: [&str; 24] = [
    "today", "coffee", "rain", "morning", "walk", "book", "music", "train", "friends", "dinner",
    "오늘", "커피", "아침", "산책", "음악", "기차", "저녁", "주말", "사진", "여행", "🙂", "🌧️",
    "🎉", "…",
];
const SYLLABLES: [&str; 12] = [
    "가", "나", "다", "민", "서", "준", "하", "지", "우", "현", "수", "연",
];

/// Lines `id, email, email_key, nickname, birth_date, created_at`.
pub(super) fn members(plan: &SeedPlan) -> impl Iterator<Item = String> {
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    let first_registration = start_of_posts(plan) - TimeDelta::days(DAYS_OF_POSTS);
    let moments = evenly_spread(first_registration, plan.members);
    (1..=plan.members).zip(moments).map(move |(id, moment)| {
        let created_at = moment.draw(&mut random);
        let birth_date = birth_date(&mut random);
        let nickname: String = (0..random.random_range(2..=4))
            .filter_map(|_| SYLLABLES.choose(&mut random).copied())
            .collect();
        format!(
            "{id}\tmember{id}@example.com\tmember{id}@example.com\t{nickname}\t{birth_date}\t{}\n",
            created_at.to_rfc3339()
        )
    })
}

/// Lines `id, member_id, contents, created_at, created_date`, oldest first: the newest has the highest id.
pub(super) fn posts(plan: &SeedPlan) -> impl Iterator<Item = String> {
    // Another stream than the members', so that more members do not change what posts say.
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    random.set_stream(1);
    let time_zone = plan.time_zone;
    let authors = Authors::new(plan);
    let words = LogNormal::new(2.2, 0.7).expect("both parameters are finite");
    let moments = evenly_spread(start_of_posts(plan), plan.posts);
    (1..=plan.posts).zip(moments).map(move |(id, moment)| {
        let author = authors.draw(&mut random);
        let created_at = moment.draw(&mut random);
        let day = created_at.with_timezone(&time_zone).date_naive();
        let mut line = String::with_capacity(160);
        let _ = write!(line, "{id}\t{author}\t");
        write_contents(&mut line, words.sample(&mut random) as usize, &mut random);
        let _ = writeln!(line, "\t{}\t{day}", created_at.to_rfc3339());
        line
    })
}

fn start_of_posts(plan: &SeedPlan) -> DateTime<Utc> {
    plan.until - TimeDelta::days(DAYS_OF_POSTS)
}

/// One of equal slices of a year; a row draws its moment inside, so times ascend with ids.
struct Slice {
    start: DateTime<Utc>,
    microseconds: i64,
}

impl Slice {
    fn draw(&self, random: &mut impl Rng) -> DateTime<Utc> {
        self.start + TimeDelta::microseconds(random.random_range(0..self.microseconds))
    }
}

fn evenly_spread(from: DateTime<Utc>, slices: u32) -> impl Iterator<Item = Slice> {
    let year = TimeDelta::days(DAYS_OF_POSTS).num_seconds() * 1_000_000;
    // A u32 of slices never makes one shorter than 7 ms.
    let microseconds = year / i64::from(slices.max(1));
    (0..i64::from(slices)).map(move |index| Slice {
        start: from + TimeDelta::microseconds(index * microseconds),
        microseconds,
    })
}

enum Authors {
    Uniform(Uniform<u32>),
    Zipf(Zipf<f64>),
}

impl Authors {
    fn new(plan: &SeedPlan) -> Self {
        let members = plan.members.max(1);
        match plan.skew {
            Skew::Uniform => {
                Self::Uniform(Uniform::new_inclusive(1, members).expect("1 <= members"))
            }
            Skew::Zipf => {
                Self::Zipf(Zipf::new(f64::from(members), 1.0).expect("at least one rank"))
            }
        }
    }

    fn draw(&self, random: &mut impl Rng) -> u32 {
        match self {
            Self::Uniform(ids) => ids.sample(random),
            Self::Zipf(ranks) => ranks.sample(random) as u32,
        }
    }
}

fn birth_date(random: &mut impl Rng) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(1950, 1, 1).expect("the first day of 1950 exists");
    first + Days::new(random.random_range(0..20_000))
}

fn write_contents(line: &mut String, words: usize, random: &mut impl Rng) {
    for index in 0..words.clamp(1, 1_000) {
        if index > 0 {
            line.push(' ');
        }
        line.push_str(WORDS.choose(random).copied().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::SurveyPlan;
    use super::*;

    fn plan(skew: Skew) -> SeedPlan {
        SeedPlan {
            members: 100,
            posts: 2_000,
            surveys: SurveyPlan::default(),
            skew,
            seed: 7,
            until: "2026-03-01T00:00:00Z".parse().unwrap(),
            time_zone: chrono_tz::Asia::Seoul,
        }
    }

    fn column(line: &str, index: usize) -> &str {
        line.trim_end().split('\t').nth(index).unwrap()
    }

    fn posts_per_member(plan: &SeedPlan) -> HashMap<u32, usize> {
        let mut counts = HashMap::new();
        for line in posts(plan) {
            *counts.entry(column(&line, 1).parse().unwrap()).or_default() += 1;
        }
        counts
    }

    #[test]
    fn a_plan_gives_the_same_rows_each_time_and_another_seed_others() {
        let plan = plan(Skew::Zipf);
        assert!(posts(&plan).eq(posts(&plan)));
        assert!(members(&plan).eq(members(&plan)));
        let other = SeedPlan {
            seed: 8,
            ..plan.clone()
        };
        assert!(!posts(&other).eq(posts(&plan)));
        assert!(!members(&other).eq(members(&plan)));
    }

    #[test]
    fn zipf_gives_the_first_ranks_most_posts_and_uniform_gives_all_alike() {
        let zipf = posts_per_member(&plan(Skew::Zipf));
        let uniform = posts_per_member(&plan(Skew::Uniform));
        // 1 / (1 + 1/2 + ... + 1/100) of 2,000 is 386; an even share is 20.
        assert!((300..480).contains(&zipf[&1]), "{}", zipf[&1]);
        assert!(zipf[&1] > zipf[&10]);
        assert!(uniform.values().all(|&count| count < 60));
        assert!(
            zipf.keys()
                .chain(uniform.keys())
                .all(|id| (1..=100).contains(id))
        );
    }

    #[test]
    fn times_ascend_with_ids_within_the_last_365_days() {
        let plan = plan(Skew::Uniform);
        let times: Vec<DateTime<Utc>> = posts(&plan)
            .map(|line| column(&line, 3).parse().unwrap())
            .collect();
        assert!(times.is_sorted());
        assert!(
            times
                .iter()
                .all(|&time| time < plan.until && time >= start_of_posts(&plan))
        );
        assert!(*times.last().unwrap() > plan.until - TimeDelta::days(1));
    }

    #[test]
    fn the_day_is_the_one_in_the_time_zone() {
        let late_evening_in_london = posts(&plan(Skew::Uniform))
            .find(|line| column(line, 3).contains("T2"))
            .unwrap();
        let time: DateTime<Utc> = column(&late_evening_in_london, 3).parse().unwrap();
        let day: NaiveDate = column(&late_evening_in_london, 4).parse().unwrap();
        assert_eq!(day, time.date_naive() + Days::new(1));
    }
}
