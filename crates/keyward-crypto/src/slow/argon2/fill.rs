//! The memory of Argon2 filled, pass by pass (RFC 9106, sections 3.2 and 3.4).
//!
//! Which block a block is made from is said by what was computed before (Argon2d, and Argon2id
//! after the first half of its first pass) or by the parameters alone (Argon2i, and that half).

use super::Kind;
use super::block::{Block, Mixed};
use super::words::Words;

/// Slices of a pass: a lane sees of the others what the slices before it hold.
const SLICES: u64 = 4;

/// Places that one block of addresses gives.
const ADDRESSES: u64 = 128;

/// What is filled, and how often.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    kind: Kind,
    /// Since version 0x13 what a later pass makes is xored with what was there.
    keeps: bool,
    passes: u64,
    lanes: u64,
    /// Blocks of a lane in one slice, at least two.
    segment: u64,
}

impl Shape {
    /// `None` for parameters that Argon2 does not have.
    pub(super) fn new(
        kind: Kind,
        keeps: bool,
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    ) -> Option<Self> {
        let of_lane = memory_kib.checked_div(lanes)?;
        let is_one = lanes < 1 << 24 && passes >= 1 && of_lane >= 8;
        is_one.then(|| Self {
            kind,
            keeps,
            passes: u64::from(passes),
            lanes: u64::from(lanes),
            segment: u64::from(of_lane / 4),
        })
    }

    /// Blocks of a lane.
    pub(super) const fn lane(&self) -> u64 {
        self.segment.saturating_mul(SLICES)
    }

    /// Blocks of all.
    pub(super) const fn blocks(&self) -> u64 {
        self.lane().saturating_mul(self.lanes)
    }
}

/// Where in the memory a segment lies, and in which pass it is filled.
#[derive(Clone, Copy)]
struct Place {
    pass: u64,
    slice: u64,
    lane: u64,
}

/// Fills `memory`, whose first two blocks in each lane are there. `None` if it is not as many blocks as
/// the shape says; what it holds then is of no use.
pub(super) fn fill<W: Words>(proof: W::Proof, memory: &mut [Block], shape: &Shape) -> Option<()> {
    W::apart(
        proof,
        #[inline(always)]
        || {
            for pass in 0..shape.passes {
                for slice in 0..SLICES {
                    for lane in 0..shape.lanes {
                        segment::<W>(proof, memory, shape, Place { pass, slice, lane })?;
                    }
                }
            }
            Some(())
        },
    )
}

#[inline(always)]
fn segment<W: Words>(
    proof: W::Proof,
    memory: &mut [Block],
    shape: &Shape,
    place: Place,
) -> Option<()> {
    let independent = match shape.kind {
        Kind::D => false,
        Kind::I => true,
        Kind::Id => place.pass == 0 && place.slice < SLICES / 2,
    };
    let keep = shape.keeps && place.pass > 0;
    let mut addresses = Addresses::new(shape, place);
    // The first two blocks of a lane come from the password.
    let begin = if place.pass == 0 && place.slice == 0 {
        2
    } else {
        0
    };
    let lane_start = place.lane.wrapping_mul(shape.lane());
    let start = lane_start.wrapping_add(place.slice.wrapping_mul(shape.segment));
    let mut before = match start.wrapping_add(begin).checked_sub(1) {
        Some(before) if before >= lane_start => before,
        // The first of a lane follows its last.
        _ => lane_start.wrapping_add(shape.lane()).wrapping_sub(1),
    };
    for at in begin..shape.segment {
        let previous = memory.get(usize::try_from(before).ok()?)?;
        let random = if independent {
            if at == begin || at % ADDRESSES == 0 {
                addresses.next::<W>(proof);
            }
            addresses.get(at)?
        } else {
            previous.first_word()
        };
        let other = memory.get(usize::try_from(reference(shape, place, at, random)).ok()?)?;
        let mixed = Mixed::<W>::new(proof, previous, other);
        let here = start.wrapping_add(at);
        let out = memory.get_mut(usize::try_from(here).ok()?)?;
        mixed.compress(proof, out, keep);
        before = here;
    }
    Some(())
}

/// Which block of the memory is the other of the two that block `at` of a segment is made from.
/// Nothing wraps: all of it is below 2^32, but for products of two such.
#[inline(always)]
fn reference(shape: &Shape, place: Place, at: u64, random: u64) -> u64 {
    let is_first = place.pass == 0 && place.slice == 0;
    let lane = if is_first {
        place.lane
    } else {
        (random >> 32).checked_rem(shape.lanes).unwrap_or(0)
    };
    // All slices but the one that is filled; in the first pass those before it.
    let slices = if place.pass == 0 {
        place.slice
    } else {
        SLICES - 1
    };
    let done = slices.wrapping_mul(shape.segment);
    let area = if lane == place.lane {
        done.wrapping_add(at).wrapping_sub(1)
    } else {
        done.wrapping_sub(u64::from(at == 0))
    };
    let x = random & u64::from(u32::MAX);
    let x = x.wrapping_mul(x) >> 32;
    let back = area.wrapping_mul(x) >> 32;
    let within = area.wrapping_sub(1).wrapping_sub(back);
    // In later passes the oldest slice is the one that follows.
    let oldest = if place.pass == 0 || place.slice == SLICES - 1 {
        0
    } else {
        place.slice.wrapping_add(1).wrapping_mul(shape.segment)
    };
    let in_lane = oldest.wrapping_add(within);
    let in_lane = in_lane.checked_rem(shape.lane()).unwrap_or(0);
    lane.wrapping_mul(shape.lane()).wrapping_add(in_lane)
}

/// The addresses that do not depend on data.
struct Addresses {
    input: Block,
    block: Block,
}

impl Addresses {
    fn new(shape: &Shape, place: Place) -> Self {
        let kind = u64::from(shape.kind.number());
        let blocks = shape.blocks();
        let said = [
            place.pass,
            place.lane,
            place.slice,
            blocks,
            shape.passes,
            kind,
        ];
        let mut input = Block::ZERO;
        for (word, said) in input.words_mut().iter_mut().zip(said) {
            *word = said;
        }
        Self {
            input,
            block: Block::ZERO,
        }
    }

    /// The next 128.
    fn next<W: Words>(&mut self, proof: W::Proof) {
        if let Some(counter) = self.input.words_mut().get_mut(6) {
            *counter = counter.wrapping_add(1);
        }
        self.block = self.input;
        for _ in 0..2 {
            W::apart(
                proof,
                #[inline(always)]
                || {
                    let mixed = Mixed::<W>::new(proof, &Block::ZERO, &self.block);
                    mixed.compress(proof, &mut self.block, false);
                },
            );
        }
    }

    fn get(&self, at: u64) -> Option<u64> {
        let within = usize::try_from(at % ADDRESSES).ok()?;
        self.block.words().get(within).copied()
    }
}
