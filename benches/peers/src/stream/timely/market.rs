//! Market spread.

use super::{InProcess, by_batch, route, timed};
use crate::stream::Timed;
use crate::stream::market::{Feed, Market, Message, Rejected, SYMBOLS};
use ::timely::container::CapacityContainerBuilder;
use ::timely::dataflow::channels::pact::Exchange;
use ::timely::dataflow::operators::generic::Operator;

/// See the module.
pub(in crate::stream) fn market(records: u64, workers: usize) -> Timed {
    let feeds = (0..workers).map(|source| Feed::new(records, source, workers)).collect();
    timed(feeds, |scope, feed, results| {
        let by_symbol = Exchange::new(|InProcess(message): &InProcess<Message>| route(message.symbol().into()));
        let rejected = results
            .read(scope, feed.map(InProcess), by_batch)
            .unary::<CapacityContainerBuilder<Vec<Rejected>>, _, _, _>(by_symbol, "markets", |_, _| {
                let mut markets = vec![Market::default(); SYMBOLS];
                move |input, output| {
                    input.for_each_stamp(|time, batches| {
                        let messages = batches.flat_map(|batch| batch.drain(..));
                        output.session(&time).give_iterator(
                            messages.filter_map(|InProcess(message)| markets[message.symbol() as usize].take(message)),
                        );
                    });
                }
            });
        results.add_up(rejected, |rejected| rejected.id);
    })
}
