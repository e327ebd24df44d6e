//! What may stand behind the attribute's name.

use syn::parse::{Parse, ParseStream};
use syn::{Ident, Path, Token, Visibility};

/// The options of one use.
pub(crate) struct Options {
    pub(crate) visibility: Visibility,
    pub(crate) msg: Option<Ident>,
    pub(crate) client: Option<Ident>,
    pub(crate) runtime: Path,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self {
            visibility: Visibility::Inherited,
            msg: None,
            client: None,
            runtime: syn::parse_quote!(::potoroo_runtime),
        };
        while !input.is_empty() {
            if input.peek(Token![pub]) {
                options.visibility = input.parse()?;
            } else if input.peek(Token![crate]) {
                input.parse::<Token![crate]>()?;
                input.parse::<Token![=]>()?;
                options.runtime = input.call(Path::parse_mod_style)?;
            } else {
                let name: Ident = input.parse()?;
                let place = match name.to_string().as_str() {
                    "msg" => &mut options.msg,
                    "client" => &mut options.client,
                    _ => {
                        let expected = "expected a visibility, `msg = Name`, `client = Name` or `crate = path`";
                        return Err(syn::Error::new(name.span(), expected));
                    }
                };
                input.parse::<Token![=]>()?;
                *place = Some(input.parse()?);
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}
