//! Word count.

use super::{by_batch, timed};
use crate::stream::Timed;
use crate::stream::words::{Lexicon, Word};
use ::timely::container::CapacityContainerBuilder;
use ::timely::dataflow::channels::pact::Exchange;
use ::timely::dataflow::operators::generic::Operator;
use hashbrown::HashMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// See the module.
pub(in crate::stream) fn words<W>(lexicon: &Arc<Lexicon<W>>, records: u64, workers: usize) -> Timed
where
    W: Word + Serialize + DeserializeOwned,
{
    let texts = (0..workers)
        .map(|source| lexicon.text(records, source, workers))
        .collect();
    timed(texts, |scope, text, results| {
        let counted = results
            .read(scope, text, by_batch)
            .unary::<CapacityContainerBuilder<Vec<(W, u64)>>, _, _, _>(Exchange::new(W::route), "counts", |_, _| {
                let mut counts: HashMap<W, u64> = HashMap::new();
                move |input, output| {
                    input.for_each_stamp(|time, batches| {
                        let words = batches.flat_map(|batch| batch.drain(..));
                        output.session(&time).give_iterator(words.map(|word| {
                            let count = match counts.get_mut(&word) {
                                Some(count) => {
                                    *count += 1;
                                    *count
                                }
                                None => {
                                    counts.insert(word.clone(), 1);
                                    1
                                }
                            };
                            (word, count)
                        }));
                    });
                }
            });
        results.add_up(counted, |(_, count)| *count);
    })
}
