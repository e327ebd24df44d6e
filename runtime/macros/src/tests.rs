//! What is wrong is said where it is wrong.

use crate::expand::expand;
use std::str::FromStr;

/// What the macro says of a block, each as (line, column, text): lines count from 1, columns from 0.
fn errors(options: &str, block: &str) -> Vec<(usize, usize, String)> {
    let tokens = |text| proc_macro2::TokenStream::from_str(text).expect("tokens");
    match expand(tokens(options), tokens(block)) {
        Ok(_) => Vec::new(),
        Err((error, _)) => error
            .into_iter()
            .map(|error| {
                let start = error.span().start();
                (start.line, start.column, error.to_string())
            })
            .collect(),
    }
}

/// The one thing that is wrong with a block, and that it is said of this piece of it.
#[track_caller]
fn wrong(block: &str, at: &str, says: &str) {
    let errors = errors("", block);
    let [(line, column, text)] = errors.as_slice() else {
        panic!("{errors:?}");
    };
    let rest = &block.lines().nth(line - 1).expect("a line of the block")[*column..];
    assert!(rest.starts_with(at), "said of {rest:?}: {text}");
    assert!(text.contains(says), "{text}");
}

#[test]
fn a_plain_block_is_right() {
    assert_eq!(
        errors("", "impl A { fn f(&mut self, n: u64) {} fn g(&self) -> u64 { 1 } }"),
        []
    );
    assert_eq!(
        errors(
            "pub, msg = M, client = C, crate = a::b",
            "impl A { const N: u8 = 1; fn new() -> Self { A } }"
        ),
        []
    );
    assert_eq!(errors("pub(crate)", "impl a::A {}"), []);
    assert_eq!(
        errors(
            "",
            "impl A { fn f(&mut self, s: &'static str, ctx: &mut Context<'_, Self>) -> Turn { t() } }"
        ),
        []
    );
}

#[test]
fn generic_methods_are_refused() {
    let what = "no generic parameters";
    wrong("impl A {\n  fn f<T: Send>(&mut self, t: T) {}\n}", "T: Send", what);
    wrong("impl A { fn f<'a>(&mut self, t: B<'a>) {} }", "'a>(", what);
    wrong("impl A { fn f(&mut self) where u8: Copy {} }", "where", "no conditions");
    wrong(
        "impl A { fn f(&mut self, t: impl Send) {} }",
        "impl Send",
        "can be named",
    );
    wrong("impl A { fn f(&self) -> impl Send {} }", "impl Send", "can be named");
}

#[test]
fn borrowed_arguments_and_answers_are_refused() {
    wrong(
        "impl A {\n\n  fn f(&mut self, n: u8, s: &str) {}\n}",
        "&str",
        "owns what it carries",
    );
    wrong(
        "impl A { fn f(&mut self, s: &mut Vec<u8>) {} }",
        "&mut Vec",
        "owns what it carries",
    );
    wrong(
        "impl A { fn name(&self) -> &str { \"\" } }",
        "&str",
        "cannot borrow from the actor",
    );
    wrong(
        "impl A { fn f(&self) -> Result<&str, Fault> { g() } }",
        "&str",
        "cannot borrow from the actor",
    );
}

#[test]
fn what_is_no_turn_is_refused() {
    wrong("impl A { async fn f(&mut self) {} }", "async", "not async");
    wrong("impl A { unsafe fn f(&mut self) {} }", "unsafe", "not unsafe");
    wrong("impl A { fn f(self) {} }", "self", "takes `&self` or `&mut self`");
    wrong(
        "impl A { fn f(self: Box<Self>) {} }",
        "self: Box",
        "takes `&self` or `&mut self`",
    );
}

#[test]
fn arguments_have_names_and_the_context_is_the_last() {
    wrong(
        "impl A { fn f(&mut self, (a, b): (u8, u8)) {} }",
        "(a, b)",
        "needs a name",
    );
    wrong("impl A { fn f(&mut self, _: u8) {} }", "_", "needs a name");
    let block = "impl A { fn f(&mut self, ctx: &mut Context<'_, Self>, n: u8) {} }";
    wrong(block, "ctx", "the context is the last argument");
    wrong(
        "impl A { fn f(&mut self, n: u8, reply: Reply<u8>) -> u8 { n } }",
        "-> u8",
        "answers through it",
    );
}

#[test]
fn two_methods_are_not_one_message() {
    wrong(
        "impl A { fn get_1(&self) {} fn get1(&self) {} }",
        "get1",
        "`get_1` and `get1` are the same message, `Get1`",
    );
    let either = "impl A { #[cfg(a)] fn get(&self) {} #[cfg(not(a))] fn get(&self) {} }";
    assert_eq!(errors("", either), []);
}

#[test]
fn other_blocks_are_refused() {
    wrong("impl Clone for A { }", "Clone", "not those of a trait");
    wrong("impl<T> A<T> { }", "T>", "writes its messages by hand");
    wrong("impl A<u8> { }", "<u8>", "writes its messages by hand");
    wrong("struct A;", "struct", "expected the impl block of an actor");
}

#[test]
fn unknown_options_are_refused() {
    let errors = errors("pub, message = M", "impl A {}");
    let [(1, 5, text)] = errors.as_slice() else {
        panic!("{errors:?}");
    };
    assert!(text.contains("`msg = Name`"), "{text}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let block = "impl A {\n  async fn f(&mut self) {}\n  fn g(&mut self, s: &str) {}\n  fn h(&mut self) {}\n}";
    let lines: Vec<_> = errors("", block).into_iter().map(|(line, ..)| line).collect();
    assert_eq!(lines, [2, 3]);
}

#[test]
fn a_wrong_block_still_has_its_methods() {
    let tokens = proc_macro2::TokenStream::from_str("impl A { #[hook] fn h(&self) {} async fn f(&self) {} }");
    let (_, block) = expand(proc_macro2::TokenStream::new(), tokens.expect("tokens")).expect_err("async");
    let block = block.to_string();
    assert!(block.contains("async fn f") && !block.contains("hook"), "{block}");
}
