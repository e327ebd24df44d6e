//! Who floods whom in a circle: rings, and two who flood each other at once.

use super::*;

/// A ring in which everybody floods the next.
fn flooded_ring(workers: usize, links: usize, burst: u64) -> WorkerStats {
    let system = system(workers);
    let handled = Arc::new(AtomicU64::new(0));
    let ring: Vec<_> = (0..links)
        .map(|_| {
            let handled = handled.clone();
            system.spawn(move |_| Ok(Link { next: None, handled }))
        })
        .collect();
    for (index, link) in ring.iter().enumerate() {
        link.tell(LinkMsg::Next(ring[(index + 1) % links].clone()));
    }
    for link in &ring {
        link.tell(LinkMsg::Burst(burst, 40));
    }
    let report = system.shutdown_within(Duration::from_secs(60));
    assert!(
        report.drained,
        "everybody waits for everybody: {:?}",
        report.stats.total()
    );
    assert_eq!(handled.load(Ordering::Relaxed), links as u64 * burst);
    report.stats.total()
}

#[test]
fn a_ring_that_floods_itself_goes_on() {
    for workers in [1, 2, 3] {
        for links in [2, 3, 7] {
            let total = flooded_ring(workers, links, 2_000);
            assert!(total.mutes > 0, "{total:?}");
        }
    }
}

/// Floods another while that one floods this one.
struct Duelist {
    other: Option<ActorRef<Duelist>>,
    at_once: Arc<Barrier>,
    left: u64,
    done: mpsc::Sender<()>,
}

enum Shot {
    At(ActorRef<Duelist>),
    Fire,
    Hit,
}

impl Actor for Duelist {
    type Msg = Shot;

    fn handle(&mut self, msg: Shot, _: &mut Context<'_, Self>) -> Turn {
        match (msg, &self.other) {
            (Shot::At(other), _) => self.other = Some(other),
            (Shot::Fire, Some(other)) => {
                self.at_once.wait();
                (0..self.left).for_each(|_| other.tell(Shot::Hit));
                // So that neither has taken in what the other told it.
                self.at_once.wait();
            }
            (Shot::Hit, _) => {
                self.left -= 1;
                if self.left == 0 {
                    self.done.send(())?;
                }
            }
            (Shot::Fire, None) => unreachable!("told first"),
        }
        Ok(())
    }
}

/// Both are muted, since neither knew of its own flood, and each waits for the other: the least cycle there is.
#[test]
fn two_that_flood_each_other_at_once_find_the_cycle() {
    let mut cycles = 0;
    for _ in 0..100 {
        let system = system(2);
        let (done, results) = mpsc::channel();
        let at_once = Arc::new(Barrier::new(2));
        let duelists = [0, 1].map(|worker| {
            let (at_once, done) = (at_once.clone(), done.clone());
            system.spawn_on(worker, move |_| {
                Ok(Duelist {
                    other: None,
                    at_once,
                    left: 3 * SOFT as u64,
                    done,
                })
            })
        });
        for (duelist, other) in duelists.iter().zip(duelists.iter().rev()) {
            duelist.tell(Shot::At(other.clone()));
        }
        for duelist in &duelists {
            duelist.tell(Shot::Fire);
        }
        for _ in 0..2 {
            results.recv().expect("everybody goes on");
        }
        let report = system.shutdown();
        assert!(report.drained);
        cycles += report.stats.total().mute_cycles;
    }
    assert!(cycles > 0, "such cycles are found, and not avoided");
}
