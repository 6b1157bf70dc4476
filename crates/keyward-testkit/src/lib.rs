//! Test helpers of the keyward workspace: recording audit, bit-flipper, vector loader, strategies.
