//! What a token's payload is made of.

/// A part of a fixed number of bytes.
pub trait Part {
    /// How many bytes it has.
    const LEN: usize;
    /// The part in a decoded token.
    type View<'a>;

    /// Reads it; none unless `bytes` has just its length.
    fn view(bytes: &[u8]) -> Option<Self::View<'_>>;

    /// Writes it to `out`, which has just its length.
    fn write(view: Self::View<'_>, out: &mut [u8]);
}

/// Bytes, which stay in the buffer.
impl<const N: usize> Part for [u8; N] {
    const LEN: usize = N;
    type View<'a> = &'a [u8; N];

    fn view(bytes: &[u8]) -> Option<&[u8; N]> {
        bytes.try_into().ok()
    }

    fn write(view: &[u8; N], out: &mut [u8]) {
        out.iter_mut().zip(view).for_each(|(to, from)| *to = *from);
    }
}

macro_rules! numbers {
    ($($name:ty)*) => {
        $(
            /// A number, big-endian.
            impl Part for $name {
                const LEN: usize = size_of::<$name>();
                type View<'a> = $name;

                fn view(bytes: &[u8]) -> Option<$name> {
                    bytes.try_into().ok().map(<$name>::from_be_bytes)
                }

                fn write(view: $name, out: &mut [u8]) {
                    <[u8; size_of::<$name>()] as Part>::write(&view.to_be_bytes(), out);
                }
            }
        )*
    };
}

numbers!(u8 u16 u32 u64);

/// A tuple of up to six [`Part`]s, one after the other.
pub trait Layout {
    /// How many bytes they have together.
    const LEN: usize;
    /// The parts in a decoded token.
    type View<'a>;

    /// Reads them; none unless `bytes` has just their length.
    fn view(bytes: &[u8]) -> Option<Self::View<'_>>;

    /// Writes them to `out`, which has just their length.
    fn write(view: Self::View<'_>, out: &mut [u8]);
}

macro_rules! layout {
    ($($name:ident)*) => {
        impl<$($name: Part),*> Layout for ($($name,)*) {
            #[allow(clippy::arithmetic_side_effects)] // Too large a sum does not compile.
            const LEN: usize = 0 $(+ $name::LEN)*;
            type View<'a> = ($($name::View<'a>,)*);

            #[allow(non_snake_case)] // The variables bear the names of the types.
            fn view(bytes: &[u8]) -> Option<Self::View<'_>> {
                $(let ($name, bytes) = take::<$name>(bytes)?;)*
                bytes.is_empty().then_some(($($name,)*))
            }

            #[allow(non_snake_case)] // As above.
            fn write(view: Self::View<'_>, out: &mut [u8]) {
                let ($($name,)*) = view;
                let rest = out;
                $(let rest = put::<$name>($name, rest);)*
                rest.fill(0);
            }
        }
    };
}

fn take<P: Part>(bytes: &[u8]) -> Option<(P::View<'_>, &[u8])> {
    let (front, rest) = bytes.split_at_checked(P::LEN)?;
    Some((P::view(front)?, rest))
}

/// Writes a part to the front of `out`, and returns what is behind it.
fn put<'o, P: Part>(view: P::View<'_>, out: &'o mut [u8]) -> &'o mut [u8] {
    match out.split_at_mut_checked(P::LEN) {
        Some((front, rest)) => {
            P::write(view, front);
            rest
        }
        None => &mut [],
    }
}

layout!(A);
layout!(A B);
layout!(A B C);
layout!(A B C D);
layout!(A B C D E);
layout!(A B C D E F);
