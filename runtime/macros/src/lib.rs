//! The attribute macro of `potoroo-runtime`; use it from there, with the feature `macros`.
//!
//! It exists to save lines, not to hide anything: what it writes is what one writes without it. Each part is in a file:
//! `method.rs` reads the methods and says what is wrong with them, `options.rs` what stands behind the attribute's name,
//! `expand.rs` writes. It lacks generic actors.

mod expand;
mod method;
mod options;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Writes the messages, the dispatch and a typed client of an actor from the methods of an impl block.
///
/// ```
/// use potoroo_runtime::{System, actor};
///
/// struct Counter(u64);
///
/// #[actor]
/// impl Counter {
///     fn add(&mut self, n: u64) {
///         self.0 += n;
///     }
///     fn get(&self) -> u64 {
///         self.0
///     }
/// }
///
/// let system = System::new()?;
/// let counter = CounterClient::from(system.spawn(|_| Ok(Counter(0))));
/// counter.add(2);
/// assert_eq!(counter.get().wait()?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it writes
///
/// For a type `Counter`:
///
/// - `CounterMsg`, an enum with a variant for each method, whose fields are the method's arguments;
/// - `impl Actor for Counter`, whose `handle` calls the methods;
/// - `CounterClient`, which has an `ActorRef<Counter>` and a method for each method; it derefs to the reference.
///
/// The block itself stays as it is, so that its methods can be called and tested without an actor. Documentation and
/// `#[cfg]` of a method go to its variant and to the client's method, too.
///
/// | method | message | the client's method |
/// |---|---|---|
/// | `fn add(&mut self, n: u64)` | `Add(u64)` | `fn add(&self, n: u64)`, a tell |
/// | `fn load(&mut self, path: String) -> Turn` | `Load(String)` | the same; a fault ends the actor |
/// | `fn get(&self) -> u64` | `Get(Reply<u64>)` | `fn get(&self) -> Ask<u64>` |
/// | `fn find(&self, key: u32) -> Result<u64, Missing>` | `Find(u32, Reply<Result<u64, Missing>>)` | `fn find(&self, key: u32) -> Ask<Result<u64, Missing>>` |
/// | `fn read(&mut self) -> Result<u64, Fault>` | `Read(Reply<u64>)` | `fn read(&self) -> Ask<u64>`; a fault ends the actor, and the asker learns that it was dropped |
/// | `fn later(&mut self, key: u32, reply: Reply<u64>)` | `Later(u32, Reply<u64>)` | `fn later(&self, key: u32) -> Ask<u64>`; the actor answers when it likes |
///
/// `Turn`, `Fault` and `Reply` are known by these names. A method may take `ctx: &mut Context<'_, Self>` as its last argument.
/// Functions without `self` are left alone. Methods that are no messages belong in another impl block, but for the hooks of
/// `Actor` (`signal`, `turn_end`, `stopping`, `undelivered`, `arena_state`): marked with `#[hook]` they go into the trait's impl.
///
/// Inside actors, ask with the enum: `ctx.ask(&counter, CounterMsg::Get).then(..)`.
///
/// ```
/// use potoroo_runtime::{ActorRef, Context, ExitReason, Reply, System, Turn, actor};
///
/// # struct Store;
/// # #[actor] impl Store { fn get(&self, key: u32) -> u64 { u64::from(key) * 2 } }
/// struct Cache { store: StoreClient, hits: u64 }
///
/// #[actor]
/// impl Cache {
///     /// Answers when the store has.
///     fn get(&mut self, key: u32, reply: Reply<u64>, ctx: &mut Context<'_, Self>) {
///         ctx.ask(&self.store, |reply| StoreMsg::Get(key, reply)).then(|this, answer, _| {
///             this.hits += 1;
///             reply.send(answer?);
///             Ok(())
///         });
///     }
///
///     fn close(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
///         ctx.stop();
///         Ok(())
///     }
///
///     #[hook]
///     fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
///         println!("{} hits", self.hits);
///     }
/// }
///
/// let system = System::new()?;
/// let store = StoreClient::from(system.spawn(|_| Ok(Store)));
/// let cache: CacheClient = system.spawn(|_| Ok(Cache { store, hits: 0 })).into();
/// assert_eq!(cache.get(21).wait()?, 42);
/// cache.close();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Options
///
/// What is written is private, unless the attribute says otherwise: `#[actor(pub)]`, `#[actor(pub(crate))]`. A public actor
/// needs public messages, since they are part of its `Actor` impl. A method of the client has the visibility of the method it
/// stands for, or that of the options if the method says nothing. Names and the path of the runtime can be given:
/// `#[actor(pub, msg = Request, client = Handle, crate = my_crate::runtime)]`.
///
/// # Leaving the macro
///
/// Nothing else changes when the macro goes: the messages keep their names, so whoever tells and asks with the enum is not
/// concerned, and the client can stay or go. For the counter above, put this in the place of the attribute:
///
/// ```
/// # use potoroo_runtime::System;
/// # struct Counter(u64);
/// # impl Counter { fn add(&mut self, n: u64) { self.0 += n; } fn get(&self) -> u64 { self.0 } }
/// use potoroo_runtime::{Actor, ActorRef, Ask, Context, Reply, Turn};
///
/// enum CounterMsg {
///     Add(u64),
///     Get(Reply<u64>),
/// }
///
/// impl Actor for Counter {
///     type Msg = CounterMsg;
///     fn handle(&mut self, msg: CounterMsg, _: &mut Context<'_, Self>) -> Turn {
///         match msg {
///             CounterMsg::Add(n) => self.add(n),
///             CounterMsg::Get(reply) => reply.send(self.get()),
///         }
///         Ok(())
///     }
/// }
///
/// struct CounterClient(ActorRef<Counter>);
///
/// impl CounterClient {
///     fn add(&self, n: u64) {
///         self.0.tell(CounterMsg::Add(n));
///     }
///     fn get(&self) -> Ask<u64> {
///         self.0.ask(CounterMsg::Get)
///     }
/// }
/// # let system = System::new()?;
/// # let counter = CounterClient(system.spawn(|_| Ok(Counter(0))));
/// # counter.add(2);
/// # assert_eq!(counter.get().wait()?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it does not take
///
/// A message is a value of one type that may cross threads, and a handler is a turn that runs to its end. So there are no
/// generic methods,
///
/// ```compile_fail
/// # struct Counter(u64);
/// #[potoroo_runtime::actor]
/// impl Counter {
///     fn add<N: Into<u64>>(&mut self, n: N) {
///         self.0 += n.into();
///     }
/// }
/// ```
///
/// no borrowed arguments,
///
/// ```compile_fail
/// # struct Greeter;
/// #[potoroo_runtime::actor]
/// impl Greeter {
///     fn greet(&mut self, name: &str) {
///         println!("Hello, {name}");
///     }
/// }
/// ```
///
/// and no async methods:
///
/// ```compile_fail
/// # struct Fetcher;
/// #[potoroo_runtime::actor]
/// impl Fetcher {
///     async fn fetch(&mut self) {}
/// }
/// ```
#[proc_macro_attribute]
pub fn actor(options: TokenStream, block: TokenStream) -> TokenStream {
    expand::expand(options.into(), block.into())
        .unwrap_or_else(|(error, block)| {
            let error = error.into_compile_error();
            // The block stays, so that what it lacks is not reported on top.
            quote::quote!(#error #block)
        })
        .into()
}
