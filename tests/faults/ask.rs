//! What is asked for, by the environment that `tests/faults/run` sets.

use std::env::var;

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{life::Life, points::Engine};

/// Of the places that both engines share so many are left out on the second, where a short run is asked for.
const SHARE_ON_POSTGRES: usize = 3;

/// What is asked for.
pub(super) struct Ask {
    first_seed: u64,
    seeds: u64,
    engines: Vec<Engine>,
    /// `None`: all.
    points: Option<Vec<String>>,
    deaths: usize,
    is_short: bool,
    pub(super) at_once: usize,
}

impl Ask {
    /// As the environment says; without a word, the short run: each place once on SQLite, a third of them on PostgreSQL.
    pub(super) fn of_environment() -> Ask {
        let told = |name: &str| var(format!("PETITION_GATEWAY_FAULTS_{name}")).ok().filter(|it| !it.is_empty());
        let number = |name: &str, usual: u64| told(name).map_or(usual, |it| it.parse().expect("a number"));
        let engine = |name: &str| match name {
            "sqlite" => Engine::Sqlite,
            "postgres" => Engine::Postgres,
            other => panic!("no such store: {other}"),
        };
        let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let engines = told("STORES").unwrap_or_else(|| "sqlite,postgres".to_owned());
        let points = told("POINTS").filter(|it| it != "all").map(|it| list(&it));
        let usize_of = |number: u64| usize::try_from(number).expect("a small number");
        Ask {
            first_seed: number("SEED", 1),
            seeds: number("SEEDS", 1),
            engines: list(&engines).iter().map(|it| engine(it)).collect(),
            deaths: points.as_ref().map_or_else(|| usize_of(number("DEATHS", 8)), Vec::len),
            points,
            is_short: told("SEEDS").is_none(),
            at_once: usize_of(number("AT_ONCE", 4)),
        }
    }

    /// Every gateway that is to live and die: the places are shuffled by the seed and dealt out, some to each.
    pub(super) fn lives(&self) -> Vec<Life> {
        let mut lives = Vec::new();
        for seed in self.first_seed..self.first_seed + self.seeds {
            for &engine in &self.engines {
                let points = self.points_of(engine, seed);
                for (at, deaths) in (0..).zip(points.chunks(self.deaths.max(1))) {
                    // Named points are run as they were printed: with the seed of the run itself.
                    let seed = if self.points.is_some() { seed } else { seed * 1_000 + at };
                    lives.push(Life { seed, engine, deaths: deaths.to_vec() });
                }
            }
        }
        lives
    }

    fn points_of(&self, engine: Engine, seed: u64) -> Vec<String> {
        if let Some(points) = &self.points {
            let known = engine.points();
            points.iter().for_each(|it| assert!(known.contains(&it.as_str()), "{it} is no place on {}", engine.name()));
            return points.clone();
        }
        let mut points: Vec<String> = engine.points().into_iter().map(str::to_owned).collect();
        points.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        if self.is_short && engine == Engine::Postgres {
            let mut at = 0;
            points.retain(|point| {
                at += 1;
                point.starts_with("postgres.") || at % SHARE_ON_POSTGRES == 0
            });
        }
        points
    }
}
