//! Reads one method of the block as a message, or says, where it stands in the source, why it cannot be one.

use proc_macro2::Span;
use quote::format_ident;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ImplItemFn, Pat, PathArguments, ReturnType, Signature, Type,
    Visibility,
};

/// One method, as a message.
pub(crate) struct Method {
    pub(crate) name: Ident,
    pub(crate) variant: Ident,
    pub(crate) visibility: Visibility,
    /// Documentation and `#[cfg]`, for whatever stands for this method.
    pub(crate) attributes: Vec<Attribute>,
    /// The arguments that travel, without the way back.
    pub(crate) arguments: Vec<(Ident, Type)>,
    pub(crate) takes_context: bool,
    pub(crate) answer: Answer,
}

/// What comes back.
pub(crate) enum Answer {
    /// Nothing: a tell.
    None,
    /// Nothing, and the method may fault.
    Turn,
    /// What the method returns.
    Value(Type),
    /// What the method returns if it does not fault.
    ValueOrFault(Type),
    /// The last argument is the way back; the method may fault if the flag says so.
    Reply { of: Type, is_turn: bool },
}

impl Method {
    /// Whether this item of a block is a message: a method, and not marked as something else.
    pub(crate) fn is_message(method: &ImplItemFn) -> bool {
        method.sig.receiver().is_some()
    }

    pub(crate) fn read(method: &ImplItemFn) -> syn::Result<Self> {
        let sig = &method.sig;
        check(sig)?;
        let mut arguments = Vec::new();
        let mut takes_context = false;
        let inputs = sig.inputs.iter().skip(1);
        let last = inputs.len();
        for (number, input) in (1..).zip(inputs) {
            let FnArg::Typed(input) = input else {
                unreachable!("a receiver comes first");
            };
            if is_context(&input.ty) {
                if number < last {
                    return Err(Error::new(input.span(), "the context is the last argument"));
                }
                takes_context = true;
                continue;
            }
            check_type(&input.ty, "argument")?;
            let Pat::Ident(name) = &*input.pat else {
                let what = "an argument of a message needs a name: take it apart in the method's body";
                return Err(Error::new(input.pat.span(), what));
            };
            arguments.push((name.ident.clone(), (*input.ty).clone()));
        }
        let mut answer = answer(&sig.output)?;
        if let Some((_, ty)) = arguments.last()
            && let Some(of) = argument_of(ty, "Reply")
        {
            let is_turn = match answer {
                Answer::None => false,
                Answer::Turn => true,
                _ => {
                    let what = "a method that takes a `Reply` answers through it, and returns nothing or a `Turn`";
                    return Err(Error::new(sig.output.span(), what));
                }
            };
            answer = Answer::Reply { of, is_turn };
            arguments.pop();
        }
        let belongs = |attribute: &&Attribute| attribute.path().is_ident("doc") || attribute.path().is_ident("cfg");
        Ok(Self {
            variant: variant(&sig.ident),
            name: sig.ident.clone(),
            visibility: method.vis.clone(),
            attributes: method.attrs.iter().filter(belongs).cloned().collect(),
            arguments,
            takes_context,
            answer,
        })
    }
}

/// What no message can be.
fn check(sig: &Signature) -> syn::Result<()> {
    let wrong = |span: Span, what| Err(Error::new(span, what));
    if let Some(token) = &sig.asyncness {
        let what = "a turn runs to its end, so a message's method is not async: ask with `ctx.ask(..).then(..)`, or take a \
                    `Reply` and answer later";
        return wrong(token.span, what);
    }
    if let Some(token) = &sig.unsafety {
        return wrong(token.span, "anybody can send a message, so its method is not unsafe");
    }
    if !sig.generics.params.is_empty() {
        let what = "a message has one type, so its method has no generic parameters";
        return wrong(sig.generics.params.span(), what);
    }
    if let Some(clause) = &sig.generics.where_clause {
        return wrong(clause.span(), "a message has one type, so its method has no conditions");
    }
    match sig.receiver() {
        Some(receiver) if receiver.reference.is_none() || receiver.colon_token.is_some() => {
            let what = "a message's method takes `&self` or `&mut self`: the actor lives on after it";
            wrong(receiver.span(), what)
        }
        _ => Ok(()),
    }
}

/// What cannot travel.
fn check_type(ty: &Type, role: &str) -> syn::Result<()> {
    match ty {
        Type::Reference(reference) => {
            if reference
                .lifetime
                .as_ref()
                .is_some_and(|lifetime| lifetime.ident == "static")
            {
                return Ok(());
            }
            let what = match role {
                "argument" => {
                    "a message owns what it carries, so this cannot be borrowed: take a `String`, a `Vec`, an `Arc`"
                }
                _ => "an answer travels to the asker, so it cannot borrow from the actor: return an owned value",
            };
            Err(Error::new(reference.span(), what))
        }
        Type::ImplTrait(ty) => {
            let what =
                format!("a message has one type, so this {role} needs one that can be named: perhaps a `Box<dyn ..>`");
            Err(Error::new(ty.span(), what))
        }
        _ => Ok(()),
    }
}

fn answer(output: &ReturnType) -> syn::Result<Answer> {
    let ReturnType::Type(_, ty) = output else {
        return Ok(Answer::None);
    };
    if is_unit(ty) {
        return Ok(Answer::None);
    }
    check_type(ty, "answer")?;
    let Type::Path(path) = &**ty else {
        return Ok(Answer::Value((**ty).clone()));
    };
    let last = path.path.segments.last();
    if last.is_some_and(|last| last.ident == "Turn" && last.arguments.is_none()) {
        return Ok(Answer::Turn);
    }
    Ok(match arguments_of(ty, "Result").as_deref() {
        Some([value, Type::Path(error)]) if error.path.segments.last().is_some_and(|last| last.ident == "Fault") => {
            if is_unit(value) {
                Answer::Turn
            } else {
                check_type(value, "answer")?;
                Answer::ValueOrFault(value.clone())
            }
        }
        _ => Answer::Value((**ty).clone()),
    })
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// Whether this is `&mut Context<..>`.
fn is_context(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else { return false };
    let Type::Path(path) = &*reference.elem else {
        return false;
    };
    reference.mutability.is_some() && path.path.segments.last().is_some_and(|last| last.ident == "Context")
}

/// The types in angle brackets behind a path that ends with `name`.
fn arguments_of(ty: &Type, name: &str) -> Option<Vec<Type>> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    let types = arguments.args.iter().map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    });
    types.collect()
}

/// The type in angle brackets, if there is one.
fn argument_of(ty: &Type, name: &str) -> Option<Type> {
    match arguments_of(ty, name)?.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}

/// `get_all` becomes `GetAll`.
fn variant(method: &Ident) -> Ident {
    let name = method.to_string();
    let name = name.strip_prefix("r#").unwrap_or(&name);
    let mut camel = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        camel.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        camel.push_str(letters.as_str());
    }
    if camel.is_empty() || camel == "Self" || camel.starts_with(|c: char| c.is_ascii_digit()) {
        camel.insert_str(0, "Do");
    }
    format_ident!("{camel}", span = method.span())
}
