//! Writes what the macro stands for.

use crate::method::{Answer, Method};
use crate::options::Options;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use std::collections::HashMap;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Ident, ImplItem, ImplItemFn, ItemImpl, Path, Type, Visibility};

/// The block and what belongs to it; or what is wrong, and the block without the marks that are the macro's own.
pub(crate) fn expand(options: TokenStream, block: TokenStream) -> Result<TokenStream, (Error, TokenStream)> {
    let mut parsed: ItemImpl = match syn::parse2(block.clone()) {
        Ok(parsed) => parsed,
        Err(error) => {
            let what = "expected the impl block of an actor: `impl Counter { .. }`";
            let error = if error.to_string().starts_with("expected `impl`") {
                Error::new(error.span(), what)
            } else {
                error
            };
            return Err((error, block));
        }
    };
    let hooks = take_hooks(&mut parsed);
    let written = syn::parse2(options).and_then(|options| write(&options, &parsed, &hooks));
    match written {
        Ok(written) => Ok(quote!(#parsed #written)),
        Err(error) => Err((error, quote!(#parsed))),
    }
}

fn is_hook(attribute: &Attribute) -> bool {
    attribute.path().is_ident("hook")
}

/// Takes the methods marked as hooks out of the block.
fn take_hooks(block: &mut ItemImpl) -> Vec<ImplItemFn> {
    let mut hooks = Vec::new();
    let mut others = Vec::new();
    for item in block.items.drain(..) {
        match item {
            ImplItem::Fn(mut method) if method.attrs.iter().any(is_hook) => {
                method.attrs.retain(|attribute| !is_hook(attribute));
                hooks.push(method);
            }
            other => others.push(other),
        }
    }
    block.items = others;
    hooks
}

fn write(options: &Options, block: &ItemImpl, hooks: &[ImplItemFn]) -> syn::Result<TokenStream> {
    let name = actor_name(block)?;
    let methods = methods(block)?;
    let names = Names {
        actor: &block.self_ty,
        msg: &options.msg.clone().unwrap_or_else(|| format_ident!("{name}Msg")),
        client: &options.client.clone().unwrap_or_else(|| format_ident!("{name}Client")),
        runtime: &options.runtime,
        visibility: &options.visibility,
    };
    let messages = messages(&names, &methods);
    let dispatch = dispatch(&names, &methods, hooks);
    let client = client(&names, &methods);
    Ok(quote!(#messages #dispatch #client))
}

/// What things are called.
struct Names<'a> {
    actor: &'a Type,
    msg: &'a Ident,
    client: &'a Ident,
    runtime: &'a Path,
    visibility: &'a Visibility,
}

/// The name of the actor's type; an error if the block is not a plain one of a plain type.
fn actor_name(block: &ItemImpl) -> syn::Result<&Ident> {
    if let Some((_, of, _)) = &block.trait_ {
        let what = "expected the actor's own methods, not those of a trait: `impl Counter { .. }`";
        return Err(Error::new(of.span(), what));
    }
    let generic = "an actor with generic parameters writes its messages by hand: see \"Leaving the macro\"";
    if !block.generics.params.is_empty() {
        return Err(Error::new(block.generics.params.span(), generic));
    }
    let last = match &*block.self_ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    match last {
        Some(last) if last.arguments.is_none() => Ok(&last.ident),
        Some(last) => Err(Error::new(last.arguments.span(), generic)),
        None => Err(Error::new(
            block.self_ty.span(),
            "expected the name of the actor's type",
        )),
    }
}

fn methods(block: &ItemImpl) -> syn::Result<Vec<Method>> {
    let mut methods: Vec<Method> = Vec::new();
    let mut variants: HashMap<String, Ident> = HashMap::new();
    let mut wrong: Option<Error> = None;
    for item in &block.items {
        let ImplItem::Fn(method) = item else { continue };
        if !Method::is_message(method) {
            continue;
        }
        let read = Method::read(method).and_then(|method| {
            let known = variants.insert(method.variant.to_string(), method.name.clone());
            let has_condition = method
                .attributes
                .iter()
                .any(|attribute| attribute.path().is_ident("cfg"));
            match known {
                // Of two with conditions one may be left out.
                Some(other) if !has_condition => {
                    let what = format!(
                        "`{other}` and `{}` are the same message, `{}`",
                        method.name, method.variant
                    );
                    Err(Error::new(method.name.span(), what))
                }
                _ => Ok(method),
            }
        });
        match (read, &mut wrong) {
            (Ok(method), _) => methods.push(method),
            (Err(error), Some(wrong)) => wrong.combine(error),
            (Err(error), none) => *none = Some(error),
        }
    }
    wrong.map_or(Ok(methods), Err)
}

/// The enum.
fn messages(names: &Names<'_>, methods: &[Method]) -> TokenStream {
    let Names {
        actor,
        msg,
        runtime,
        visibility,
        ..
    } = names;
    let doc = format!(
        "What can be told to a [`{}`]: one message for each of its methods.",
        plain(actor)
    );
    let variants = methods.iter().map(|method| {
        let Method {
            variant, attributes, ..
        } = method;
        let doc = attributes.iter().all(|attribute| !attribute.path().is_ident("doc"));
        let doc = doc.then(|| format!("`{}`.", method.name));
        let doc = doc.map(|doc| quote!(#[doc = #doc]));
        let types = method.arguments.iter().map(|(_, ty)| quote!(#ty));
        let reply = match &method.answer {
            Answer::None | Answer::Turn => None,
            Answer::Value(of) | Answer::ValueOrFault(of) | Answer::Reply { of, .. } => {
                Some(quote!(#runtime::Reply<#of>))
            }
        };
        let fields: Vec<_> = types.chain(reply).collect();
        let fields = (!fields.is_empty()).then(|| quote!((#(#fields),*)));
        quote!(#(#attributes)* #doc #variant #fields)
    });
    quote! {
        #[doc = #doc]
        #[allow(missing_debug_implementations, reason = "the arguments need not have it")]
        #visibility enum #msg {
            #(#variants,)*
        }
    }
}

/// The impl of the trait.
fn dispatch(names: &Names<'_>, methods: &[Method], hooks: &[ImplItemFn]) -> TokenStream {
    let Names {
        actor, msg, runtime, ..
    } = names;
    let arms = methods.iter().map(|method| {
        let Method { name, variant, .. } = method;
        let conditions = method.conditions();
        let arguments: Vec<_> = method.arguments.iter().map(|(name, _)| name).collect();
        let way_back = format_ident!("__reply", span = proc_macro2::Span::mixed_site());
        let reply_field = matches!(
            method.answer,
            Answer::Value(_) | Answer::ValueOrFault(_) | Answer::Reply { .. }
        );
        let fields: Vec<_> = arguments
            .iter()
            .copied()
            .chain(reply_field.then_some(&way_back))
            .collect();
        let pattern = (!fields.is_empty()).then(|| quote!((#(#fields),*)));
        let reply = matches!(method.answer, Answer::Reply { .. }).then_some(&way_back);
        let context = method.takes_context.then(|| quote!(__ctx));
        let given = arguments
            .into_iter()
            .chain(reply)
            .map(|name| quote!(#name))
            .chain(context);
        let call = quote!(self.#name(#(#given),*));
        let body = match method.answer {
            Answer::None | Answer::Reply { is_turn: false, .. } => quote! {{ #call; ::core::result::Result::Ok(()) }},
            Answer::Turn | Answer::Reply { is_turn: true, .. } => call,
            Answer::Value(_) => quote! {{ #way_back.send(#call); ::core::result::Result::Ok(()) }},
            Answer::ValueOrFault(_) => quote! {{ #way_back.send(#call?); ::core::result::Result::Ok(()) }},
        };
        quote!(#(#conditions)* #msg::#variant #pattern => #body,)
    });
    // An enum without variants can only be matched by value.
    let arms: Vec<_> = arms.collect();
    quote! {
        #[automatically_derived]
        impl #runtime::Actor for #actor {
            type Msg = #msg;

            #[allow(clippy::let_unit_value, clippy::unit_arg, unused_variables, reason = "written by a macro")]
            fn handle(&mut self, __msg: #msg, __ctx: &mut #runtime::Context<'_, Self>) -> #runtime::Turn {
                match __msg {
                    #(#arms)*
                }
            }

            #(#hooks)*
        }
    }
}

/// The newtype around a reference.
fn client(names: &Names<'_>, methods: &[Method]) -> TokenStream {
    let Names {
        actor,
        msg,
        client,
        runtime,
        visibility,
    } = names;
    let doc = format!("Tells and asks a [`{}`], by its methods.", plain(actor));
    let methods = methods.iter().map(|method| {
        let Method {
            name,
            variant,
            attributes,
            ..
        } = method;
        let of_method = match &method.visibility {
            Visibility::Inherited => visibility,
            of_method => of_method,
        };
        let (arguments, types): (Vec<_>, Vec<_>) = method.arguments.iter().map(|(name, ty)| (name, ty)).unzip();
        let has_doc = attributes.iter().any(|attribute| attribute.path().is_ident("doc"));
        let doc = (!has_doc).then(|| format!("See [`{msg}::{variant}`]."));
        let doc = doc.map(|doc| quote!(#[doc = #doc]));
        let (returns, body) = match &method.answer {
            Answer::None | Answer::Turn => {
                let fields = (!arguments.is_empty()).then(|| quote!((#(#arguments),*)));
                (None, quote!(self.0.tell(#msg::#variant #fields)))
            }
            Answer::Value(of) | Answer::ValueOrFault(of) | Answer::Reply { of, .. } => (
                Some(quote!(-> #runtime::Ask<#of>)),
                quote!(self.0.ask(|__reply| #msg::#variant(#(#arguments,)* __reply))),
            ),
        };
        quote! {
            #(#attributes)*
            #doc
            #of_method fn #name(&self #(, #arguments: #types)*) #returns {
                #body
            }
        }
    });
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, PartialEq, Eq)]
        #visibility struct #client(#runtime::ActorRef<#actor>);

        #[allow(dead_code, reason = "a client has all that its actor can be told")]
        impl #client {
            #(#methods)*
        }

        #[automatically_derived]
        impl ::core::convert::From<#runtime::ActorRef<#actor>> for #client {
            fn from(actor: #runtime::ActorRef<#actor>) -> Self {
                Self(actor)
            }
        }

        #[automatically_derived]
        impl ::core::ops::Deref for #client {
            type Target = #runtime::ActorRef<#actor>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    }
}

impl Method {
    /// The attributes without the documentation.
    fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg"))
    }
}

/// A type as one writes it.
fn plain(ty: &Type) -> String {
    quote!(#ty).to_string().replace(' ', "")
}
