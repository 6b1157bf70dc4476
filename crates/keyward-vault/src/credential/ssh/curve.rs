//! The curves of ECDSA, and whether a public point lies on one.
//!
//! Nothing secret is computed with: the point is public, and of the secret number only its size is
//! compared. The arithmetic is that of `num-bigint`.

use keyward_base::Result;
use num_bigint::BigUint;

use super::parts::bits;
use super::wire::Reader;
use super::wrong;

/// A curve `y² = x³ - 3x + b` over the integers modulo `p`, of order `n`: NIST SP 800-186 section
/// 3.2.1. The numbers are hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Curve {
    name: &'static str,
    p: &'static str,
    b: &'static str,
    n: &'static str,
}

const P384: Curve = Curve {
    name: "nistp384",
    p: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
    b: "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
    n: "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
};

const P521: Curve = Curve {
    name: "nistp521",
    p: "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    b: "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
    n: "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
};

impl Curve {
    pub(super) const P256: Self = Self {
        name: "nistp256",
        p: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        b: "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        n: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    };

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::P256, P384, P521]
            .into_iter()
            .find(|curve| curve.name == name)
    }

    /// Reads the curve's name, which must be `self`'s, and an uncompressed point on it.
    pub(super) fn point<'a>(self, from: &mut Reader<'a>) -> Result<(Self, &'a [u8])> {
        if from.text()? != self.name {
            return Err(wrong("its curve is not that of its type"));
        }
        let point = from.string()?;
        if !self.holds(point) {
            return Err(wrong("its public point is not on its curve"));
        }
        Ok((self, point))
    }

    /// What OpenSSH asks of a point: `4`, then both coordinates at the length of `p`, which are
    /// more than half as long as the order and less than it less one, and satisfy the equation.
    #[allow(clippy::arithmetic_side_effects)] // Numbers without a bound, and p is not 0.
    fn holds(self, point: &[u8]) -> bool {
        let len = self.p.len().div_ceil(2);
        let Some((&[4], both)) = point.split_first_chunk::<1>() else {
            return false;
        };
        if both.len() != len.saturating_mul(2) {
            return false;
        }
        let (x, y) = both.split_at_checked(len).unwrap_or_default();
        let [x, y] = [x, y].map(BigUint::from_bytes_be);
        let (p, b, n) = (number(self.p), number(self.b), number(self.n));
        // The orders are less than p, and so what is less than an order is too.
        let fits = |value: &BigUint| value.bits() > n.bits() / 2 && value + BigUint::from(1_u8) < n;
        // Without a subtraction: y² + 3x = x³ + b.
        let on_curve = (&y * &y + BigUint::from(3_u8) * &x) % &p == (&x * &x * &x + b) % &p;
        fits(&x) && fits(&y) && on_curve
    }

    /// What OpenSSH asks of a secret number: more than half as long as the order, and less than
    /// the order less one.
    pub(super) fn check_exponent(self, exponent: &[u8]) -> Result<()> {
        let order = number(self.n);
        #[allow(clippy::arithmetic_side_effects)] // Not 0.
        let largest = (order - BigUint::from(1_u8)).to_bytes_be();
        let order_bits = bits(&largest);
        let is_less = (exponent.len(), exponent) < (largest.len(), largest.as_slice());
        if bits(exponent) <= order_bits / 2 || !is_less {
            return Err(wrong("its secret number is not one of its curve"));
        }
        Ok(())
    }
}

fn number(hexadecimal: &str) -> BigUint {
    BigUint::parse_bytes(hexadecimal.as_bytes(), 16).unwrap_or_default()
}
