//! Where a gate is, and what brought it there.

use std::fmt;

macro_rules! bytes {
    ($(#[$doc:meta])* $name:ident { $($(#[$one:meta])* $variant:ident = $byte:literal $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$one])* $variant,)*
        }

        impl $name {
            /// A stable word, lower case with `-` between its parts.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            pub(crate) const fn to_byte(self) -> u8 {
                match self {
                    $(Self::$variant => $byte,)*
                }
            }

            pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($byte => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

bytes! {
    /// Where a gate is. It only goes on, along the arrows of `docs/formats/gate.md`.
    State {
        /// It is kept, and nobody was asked yet.
        Staged = 1 "staged",
        /// Whoever may approve it was asked.
        Pending = 2 "pending",
        /// It was approved, or needs nobody's approval, and may run until its run-by.
        Approved = 3 "approved",
        /// Somebody who may approve it said no, or an operator stopped it.
        Denied = 4 "denied",
        /// Nobody said anything until decide-by, or nobody ran it until run-by.
        Expired = 5 "expired",
        /// Whoever asked took it back.
        Withdrawn = 6 "withdrawn",
        /// Another took its place, or the policy became stricter.
        Superseded = 7 "superseded",
        /// An executor claimed it.
        Executing = 8 "executing",
        /// Every step was done.
        Executed = 9 "executed",
        /// A step failed: the rest was not run.
        Failed = 10 "failed",
        /// It may have run, whole or in part: a person says what became of it.
        Indeterminate = 11 "indeterminate",
    }
}

impl State {
    /// Whether it is waited for who decides.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Staged | Self::Pending)
    }

    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        !matches!(
            self,
            Self::Staged | Self::Pending | Self::Approved | Self::Executing | Self::Indeterminate
        )
    }

    /// Whether a history may go from here to there.
    pub(crate) const fn may_become(self, next: Self) -> bool {
        use State::{
            Approved, Denied, Executed, Executing, Expired, Failed, Indeterminate, Pending, Staged,
            Superseded, Withdrawn,
        };
        match self {
            Staged => !matches!(next, Executed | Failed | Executing | Indeterminate),
            Pending => !matches!(next, Staged | Executed | Failed | Executing | Indeterminate),
            Approved => matches!(
                next,
                Approved | Denied | Expired | Withdrawn | Superseded | Executing | Indeterminate
            ),
            Executing => matches!(next, Executing | Executed | Failed | Indeterminate),
            Indeterminate => matches!(next, Indeterminate | Executed | Failed | Superseded),
            // A review of what broke the glass comes when it is over; so does what a late caller saw.
            Denied => matches!(next, Denied),
            Expired => matches!(next, Expired),
            Withdrawn => matches!(next, Withdrawn),
            Superseded => matches!(next, Superseded),
            Executed => matches!(next, Executed),
            Failed => matches!(next, Failed),
        }
    }
}

bytes! {
    /// What happened to a gate: one entry of its history.
    What {
        /// It was staged.
        Staged = 1 "staged",
        /// Approvers were asked.
        Issued = 2 "issued",
        /// A link to it was made, for one approver or mailbox.
        LinkMade = 3 "link-made",
        /// Somebody, or a scanner of mail, opened a link. Once for each.
        Fetched = 4 "fetched",
        /// A link died: it was used, or its tries were.
        LinkDead = 5 "link-dead",
        /// A vote, which decided nothing yet.
        Voted = 6 "voted",
        /// An approver lent his vote for a time.
        Delegated = 7 "delegated",
        /// Approvers were reminded.
        Reminded = 8 "reminded",
        /// It went to the second rule.
        Escalated = 9 "escalated",
        /// It was approved.
        Approved = 10 "approved",
        /// It was denied.
        Denied = 11 "denied",
        /// Its time was over.
        Expired = 12 "expired",
        /// It was taken back.
        Withdrawn = 13 "withdrawn",
        /// Another took its place, or the policy became stricter.
        Superseded = 14 "superseded",
        /// Somebody broke the glass: it was approved without a vote, and waits for its review.
        BreakGlass = 15 "break-glass",
        /// The review of a broken glass.
        Reviewed = 16 "reviewed",
        /// An executor claimed it.
        Claimed = 17 "claimed",
        /// A lease was lost, and an executor claimed it once more.
        Reclaimed = 18 "reclaimed",
        /// A step was done.
        StepDone = 19 "step-done",
        /// A step failed.
        StepFailed = 20 "step-failed",
        /// Steps behind one that failed were not run.
        NotRun = 21 "not-run",
        /// Every step was done, or a person said so.
        Executed = 22 "executed",
        /// It failed, or a person said so.
        Failed = 23 "failed",
        /// Nobody knows whether it ran.
        Indeterminate = 24 "indeterminate",
        /// A person asked anew in place of what nobody knows of.
        AskedAnew = 25 "asked-anew",
        /// A class ended before its time.
        ClassEnded = 26 "class-ended",
    }
}

bytes! {
    /// By what way somebody said something.
    Channel {
        /// As whoever holds a link and typed its code: nobody knows who.
        Link = 1 "link",
        /// As who was signed in.
        Page = 2 "page",
        /// By a passkey.
        Passkey = 3 "passkey",
        /// The service itself.
        Service = 4 "api",
        /// What the policy says.
        Policy = 5 "policy",
        /// As whoever runs the command line, by the name that the system has for him.
        Operator = 6 "operator",
        /// As whatever opened a link and pressed a button, which a scanner of mail does too
        /// ([`vote_by_one_click`](crate::danger::vote_by_one_click)).
        Click = 7 "click",
    }
}
