//! Which key group has most of a partition's records, as far as samples tell.
//!
//! One record of each batch is looked at, at a place that is drawn, and stands for the batch: so a stream that repeats itself
//! with the length of a batch is not misjudged, and large batches count for more than small ones. What is counted halves from
//! time to time, so that a group that has become hot is found however long the job has run. It lacks keys: whose records they are
//! within the group, nobody knows here.

use crate::element::{Grouped, KEY_GROUPS, KeyGroup};
use crate::job::Sampled;

/// The counts of one partition. Nothing is allocated before the first record.
pub(super) struct Heat {
    /// By group.
    counts: Vec<u32>,
    seen: Sampled,
    drawn: u64,
}

impl Heat {
    pub(super) fn new(partition: usize) -> Self {
        Self {
            counts: Vec::new(),
            seen: Sampled::default(),
            drawn: partition as u64,
        }
    }

    /// A number below `n`: the high half of a linear congruential generator (Knuth's multiplier), the same in each run.
    #[inline]
    fn draw(&mut self, n: usize) -> usize {
        self.drawn = self
            .drawn
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (((self.drawn >> 32) * n as u64) >> 32) as usize
    }

    /// Looks at one record of a batch.
    #[inline]
    pub(super) fn sample<I: Grouped>(&mut self, records: &[I]) {
        if I::HAS_GROUPS && !records.is_empty() {
            let record = &records[self.draw(records.len())];
            if let Some(group) = record.group().filter(|_| !record.is_for_all()) {
                self.count(group, records.len());
            }
        }
    }

    fn count(&mut self, group: KeyGroup, records: usize) {
        if self.counts.is_empty() {
            self.counts = vec![0; KEY_GROUPS];
        }
        let records = u32::try_from(records).unwrap_or(u32::MAX).min(Sampled::MOST / 2);
        if self.seen.all + records > Sampled::MOST {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.look();
        }
        let count = &mut self.counts[usize::from(group.0)];
        *count += records;
        self.seen.all += records;
        if *count > self.seen.of_hottest {
            self.seen.of_hottest = *count;
            self.seen.hottest = group;
        }
    }

    /// Forgets groups that are somebody else's now.
    pub(super) fn forget(&mut self, groups: &[KeyGroup]) {
        if !self.counts.is_empty() {
            groups.iter().for_each(|group| self.counts[usize::from(group.0)] = 0);
            self.look();
        }
    }

    /// Adds up anew.
    fn look(&mut self) {
        self.seen = Sampled::default();
        for (group, count) in (0..).zip(&self.counts) {
            self.seen.all += count;
            if *count > self.seen.of_hottest {
                self.seen.of_hottest = *count;
                self.seen.hottest = KeyGroup(group);
            }
        }
    }

    pub(super) fn seen(&self) -> Sampled {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::{Routed, Timestamp};

    fn record(group: u64) -> Routed<()> {
        Routed {
            hash: group << 32 | 1,
            time: Timestamp::MIN,
            record: (),
        }
    }

    #[test]
    fn a_stream_that_repeats_itself_with_its_batches_is_not_misjudged() {
        let mut heat = Heat::new(0);
        let batch: Vec<_> = (0..256).map(|n| record(if n % 2 == 0 { 7 } else { n })).collect();
        for _ in 0..4000 {
            heat.sample(&batch);
        }
        let Sampled {
            hottest,
            of_hottest,
            all,
        } = heat.seen();
        assert_eq!((hottest, all), (KeyGroup(7), 4000 * 256));
        let share = f64::from(of_hottest) / f64::from(all);
        assert!((0.47..0.53).contains(&share), "{share}");
    }

    #[test]
    fn what_has_become_hot_is_found_and_what_has_gone_is_forgotten() {
        let mut heat = Heat::new(0);
        let batch = |group| (0..256).map(|_| record(group)).collect::<Vec<_>>();
        let (before, now) = (batch(3), batch(1000));
        let of_most = Sampled::MOST / 256;
        (0..20 * of_most).for_each(|_| heat.sample(&before));
        assert_eq!(heat.seen().hottest, KeyGroup(3));
        (0..of_most).for_each(|_| heat.sample(&now));
        assert_eq!(heat.seen().hottest, KeyGroup(1000));
        heat.forget(&[KeyGroup(1000)]);
        assert_eq!(heat.seen().hottest, KeyGroup(3));
        heat.forget(&[KeyGroup(3)]);
        assert_eq!(heat.seen(), Sampled::default());
    }

    /// Batches of one record, as in an idle system, count for little beside full ones.
    #[test]
    fn a_batch_counts_as_much_as_it_carries() {
        let mut heat = Heat::new(0);
        (0..10).for_each(|_| heat.sample(&[record(1)]));
        heat.sample(&[record(2); 30]);
        let Sampled {
            hottest,
            of_hottest,
            all,
        } = heat.seen();
        assert_eq!((hottest, of_hottest, all), (KeyGroup(2), 30, 40));
    }
}
